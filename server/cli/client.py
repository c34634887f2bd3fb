"""A small HTTP client over the collector's unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from server.cli.errors import BadRequest, CliError, Denied, NotFound, Unreachable

NOT_RUNNING = "collector is not running; start it with: systemctl start ronda-server"
TIMEOUT = 60.0
"""Seconds for an answer, and for a sign of life on a stream."""
_MAX_ANSWER = 256 << 20
"""Bytes: a bound on what one answer may occupy."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """Calls the API on *path*, a socket in the file system; one connection for each call."""

    def __init__(self, path: str, timeout: float = TIMEOUT) -> None:
        self.path = path
        self._timeout = timeout

    def get(self, path: str, **query: object) -> Any:
        """Return the JSON answer. Parameters that are None are left out.

        Raises:
            CliError: one of its subclasses.
        """
        return self._answer("GET", _target(path, query), None)

    def post(self, path: str, body: Mapping[str, object] | None = None, **query: object) -> Any:
        """Send *body* as JSON and return the JSON answer. Raises like `get`."""
        return self._answer("POST", _target(path, query), json.dumps(dict(body or {})).encode())

    def send(self, path: str, body: bytes, **query: object) -> Any:
        """Send *body* as it is and return the JSON answer. Raises like `get`."""
        return self._answer("POST", _target(path, query), body)

    def stream(self, path: str, **query: object) -> Iterator[Any]:
        """Connect, and return the values of a newline-delimited JSON stream as they come.

        It lasts as long as the collector runs. An empty line comes every few seconds, so that
        silence means that it hangs.

        Raises:
            CliError: one of its subclasses; `Unreachable` at the end.
        """
        connection = _UnixConnection(self.path, self._timeout)
        try:
            response = self._send(connection, "GET", _target(path, query), None)
        except BaseException:
            connection.close()
            raise
        return self._values(connection, response)

    def _values(
        self, connection: _UnixConnection, response: http.client.HTTPResponse
    ) -> Iterator[Any]:
        try:
            while line := self._line(response):
                if line.strip():
                    yield json.loads(line)
        finally:
            connection.close()
        raise Unreachable("the collector has stopped")

    def _line(self, response: http.client.HTTPResponse) -> bytes:
        try:
            return response.readline()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable("the collector stopped while it was answering") from error

    def _answer(self, method: str, target: str, body: bytes | None) -> Any:
        connection = _UnixConnection(self.path, self._timeout)
        try:
            data = self._read(self._send(connection, method, target, body))
        finally:
            connection.close()
        try:
            return json.loads(data)
        except ValueError as error:
            raise CliError(
                f"{self.path} does not speak JSON; is it the collector's socket?"
            ) from error

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        try:
            data = response.read(_MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable("the collector stopped while it was answering") from error
        if len(data) > _MAX_ANSWER:
            raise CliError("the answer is too large; ask for less with --limit or --since")
        # read(n) does not notice an answer that is cut short; what is left to come does.
        if response.length:
            raise Unreachable("the collector stopped while it was answering")
        return data

    def _send(
        self, connection: _UnixConnection, method: str, target: str, body: bytes | None
    ) -> http.client.HTTPResponse:
        headers = {"content-type": "application/json"} if body is not None else {}
        try:
            connection.request(method, target, body=body, headers=headers)
            response = connection.getresponse()
        except PermissionError as error:
            raise Denied(
                f"you may not use {self.path}; run as root or as a member of the group ronda"
            ) from error
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise Unreachable(f"{NOT_RUNNING} (no answer on {self.path})") from error
        except TimeoutError as error:
            raise Unreachable(
                f"no answer within {self._timeout:.0f} s; see: journalctl -u ronda-server"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(
                f"{NOT_RUNNING} ({self.path}: {str(error) or type(error).__name__})"
            ) from error
        if response.status >= 400:
            raise _error(response.status, self._read(response))
        return response


def _target(path: str, query: Mapping[str, object]) -> str:
    pairs = [(name, str(value)) for name, value in query.items() if value is not None]
    return path + ("?" + urlencode(pairs) if pairs else "")


def segment(text: object) -> str:
    """Return *text* as one segment of a path."""
    return quote(str(text), safe="")


def _error(status: int, data: bytes) -> CliError:
    try:
        sentence = str(json.loads(data)["error"])
    except (ValueError, KeyError, TypeError):
        sentence = f"the collector answered with status {status}"
    if status == 404:
        return NotFound(sentence)
    if status in {401, 403}:
        return Denied(sentence)
    if status == 400:
        return BadRequest(sentence)
    return Unreachable(sentence) if status == 503 else CliError(sentence)
