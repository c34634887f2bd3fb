"""One bounded request over loopback: does the server hand this file out?

A request goes only to an address of this host on which somebody listens (`listeners`), asks for
one byte, follows nothing, and reads at most 16 KiB. Nothing that the configuration gives to a
program is ever asked for: the program would run. A certificate is not checked: nobody is between.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote_from_bytes

DOWNLOADABLE = "downloadable"
FORBIDDEN = "forbidden"
NOT_SERVED = "not_served"
UNKNOWN = "unknown"
ELSEWISE = "elsewise"
"""A redirect, or the server's own fault: neither the file nor a refusal."""

_MOST = 16 << 10
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |\r?\n)")
_HEADER = re.compile(rb"^([A-Za-z-]{1,40}):[ \t]*([^\r\n]{0,500})", re.MULTILINE)
_HOST = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,255}\Z")
AGENT = "Ronda (checks its own host)"


class Reply(NamedTuple):
    """The beginning of an answer."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""


class Target(NamedTuple):
    """Where to ask."""

    address: str
    """Of this host."""
    port: int
    tls: bool
    host: str
    """For the Host header and SNI."""


def percent(path: bytes) -> str:
    """Return a decoded URL path with everything encoded that must be. Pure."""
    return quote_from_bytes(path, safe="/-._~!$&'()*+,;=:@")


def judge(reply: Reply | None, size: int, later: int | None = None) -> str:
    """Return what *reply* says of a file of *size* bytes, or *later* by now. Pure.

    An answer of another length is a page of its own (a front controller, an error page).
    """
    if reply is None:
        return UNKNOWN
    if reply.status in (401, 403, 407, 410, 451):
        return FORBIDDEN
    if reply.status == 404:
        return NOT_SERVED
    if reply.status in (500, 301, 302, 303, 307, 308):
        return ELSEWISE
    if reply.status not in (200, 206, 416):
        return UNKNOWN
    total = _total(reply)
    if total is None:
        # Compressed on the way or of unknown length: something came, what is not certain.
        return UNKNOWN
    least, most = sorted((size, size if later is None else later))
    return DOWNLOADABLE if least <= total <= most else NOT_SERVED


def _total(reply: Reply) -> int | None:
    whole = re.match(r"bytes (?:\d+-\d+|\*)/(\d{1,18})\Z", reply.headers.get("content-range", ""))
    if whole:
        return int(whole[1])
    length = reply.headers.get("content-length", "")
    if reply.status == 200 and re.match(r"\d{1,18}\Z", length):
        return int(length)
    return None


def ask(target: Target, path: bytes, timeout: float) -> Reply | None:
    """Return the beginning of the answer to a GET of the first byte; None when none came.

    Raises:
        ValueError: the host name cannot stand in a header.
    """
    if not _HOST.match(target.host):
        raise ValueError("not a host name")
    deadline = time.monotonic() + timeout
    head = (
        f"GET {percent(path)} HTTP/1.1\r\nHost: {target.host}\r\nRange: bytes=0-0\r\n"
        # Behind something that ends TLS, a site sends everybody away who comes without this line;
        # anybody may write it.
        f"X-Forwarded-Proto: https\r\nUser-Agent: {AGENT}\r\n"
        "Accept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n"
    )
    try:
        with socket.create_connection((target.address, target.port), timeout) as plain:
            if not target.tls:
                return _exchange(plain, head.encode("ascii"), deadline)
            with _context().wrap_socket(plain, server_hostname=_sni(target.host)) as wrapped:
                return _exchange(wrapped, head.encode("ascii"), deadline)
    except (OSError, ValueError):
        return None


def _sni(host: str) -> str | None:
    name = host.partition(":")[0]
    return name if re.search(r"[A-Za-z]", name) else None


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _exchange(connection: socket.socket, head: bytes, deadline: float) -> Reply | None:
    connection.settimeout(max(0.01, deadline - time.monotonic()))
    connection.sendall(head)
    data = b""
    while len(data) < _MOST and b"\r\n\r\n" not in data:
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        connection.settimeout(left)
        chunk = connection.recv(4096)
        if not chunk:
            break
        data += chunk
    return parse(data)


def parse(data: bytes) -> Reply | None:
    """Return status and headers of the beginning of an answer, None when it is not HTTP. Pure."""
    status = _STATUS.match(data)
    if status is None:
        return None
    block = data[status.end() :].partition(b"\r\n\r\n")[0][:_MOST]
    headers: dict[str, str] = {}
    for match in _HEADER.finditer(block):
        headers.setdefault(match[1].decode("ascii").lower(), match[2].decode("latin-1").strip())
    return Reply(int(status[1]), headers)


class Gate:
    """Lets at most *rate* requests pass in a second; counts them."""

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._gap = 1 / rate
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0
        self.passed = 0

    def wait(self) -> None:
        """Return when the next request may go."""
        now = self._clock()
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + self._gap
        self.passed += 1
