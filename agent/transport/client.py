"""HTTP over mutual TLS 1.3: one kept connection, no retries, no decisions."""

from __future__ import annotations

import contextlib
import socket
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import urllib3
import urllib3.connection

from agent.clock import Clock
from agent.identity import Identity
from agent.transport.failures import Problem, explain

_TIMEOUT = urllib3.Timeout(connect=5, read=30)
_LARGEST_ANSWER = 1 << 20
_LONGEST_RETRY_AFTER = 300.0
_LONGEST_REQUEST = 90.0
"""Seconds for all of a request: the timeouts above only bound each silence."""


class Answer(NamedTuple):
    """What the collector said."""

    status: int
    body: bytes
    retry_after: float | None
    """Seconds, at most five minutes."""
    asked: int
    """Wall clock when the request began, ns."""
    answered: int
    """Wall clock when the answer had come, ns."""


class Trouble(Exception):  # noqa: N818 - carries a `Problem`
    """No answer came."""

    def __init__(self, problem: Problem) -> None:
        """Wrap *problem*."""
        super().__init__(problem.text)
        self.problem = problem


class CollectorClient:
    """Talks to the agent port as *identity*. One thread only."""

    def __init__(self, identity: Identity, clock: Clock) -> None:
        """Connects later.

        Raises:
            IdentityError: certificate and key cannot be used.
        """
        self._url = identity.record.agent_url.rstrip("/")
        self._clock = clock
        parts = urlsplit(self._url)
        self._prefix = parts.path
        self._pool = urllib3.HTTPSConnectionPool(
            parts.hostname or "",
            parts.port or 443,
            maxsize=1,
            timeout=_TIMEOUT,
            retries=False,
            ssl_context=identity.ssl_context(),
        )
        self._connection: urllib3.connection.HTTPSConnection | None = None
        self._pool.ConnectionCls = self._connect  # type: ignore[assignment]  # made to be called
        self._deadline: float | None = None
        self._fresh = True

    def _connect(self, **options: Any) -> urllib3.connection.HTTPSConnection:
        self._connection = urllib3.connection.HTTPSConnection(**options)
        return self._connection

    def break_off(self) -> None:
        """End a request that has gone on for too long, as when bytes only drip. Any thread."""
        deadline, connection = self._deadline, self._connection
        if deadline is None or self._clock.monotonic() < deadline or connection is None:
            return
        sock = connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown: that would pull the TLS object from under the reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def post(self, path: str, body: bytes, content_type: str) -> Answer:
        """Send one request.

        A kept connection that the collector closed meanwhile is replaced once, silently:
        requests are idempotent.

        Raises:
            Trouble: no answer came.
        """
        try:
            answer = self._post(path, body, content_type)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if self._fresh or isinstance(error, (urllib3.exceptions.TimeoutError, TimeoutError)):
                self._fresh = True
                raise Trouble(explain(error, self._url)) from error
            try:
                answer = self._post(path, body, content_type)
            except (urllib3.exceptions.HTTPError, OSError) as again:
                self._fresh = True
                raise Trouble(explain(again, self._url)) from again
        self._fresh = False
        return answer

    def _post(self, path: str, body: bytes, content_type: str) -> Answer:
        asked = self._clock.wall()
        self._deadline = self._clock.monotonic() + _LONGEST_REQUEST
        try:
            response = self._pool.urlopen(
                "POST",
                self._prefix + path,
                body=body,
                headers={"content-type": content_type},
                preload_content=False,
                decode_content=False,  # nothing to unpack, no bomb either
            )
            data = self._read(response)
            if self._clock.monotonic() >= self._deadline:
                raise TimeoutError("the answer came too slowly")  # an end that `break_off` made
        finally:
            self._deadline = None
        return Answer(
            response.status,
            data,
            retry_after(response.headers.get("retry-after")),
            asked,
            self._clock.wall(),
        )

    @staticmethod
    def _read(response: urllib3.BaseHTTPResponse) -> bytes:
        """Return the body, at most `_LARGEST_ANSWER` bytes; with more the connection is dropped."""
        try:
            data = response.read(_LARGEST_ANSWER + 1)
        except BaseException:
            response.close()
            raise
        if len(data) > _LARGEST_ANSWER:
            response.close()
            return b""
        response.release_conn()
        return data

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


def retry_after(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header; None when absent or a date.

    Dates (RFC 9110 section 10.2.3 allows them) would depend on two clocks; ours never sends any.
    """
    if header is None or not (header.isascii() and header.strip().isdigit()):
        return None
    return min(float(header), _LONGEST_RETRY_AFTER)
