"""Heads and bodies of HTTP/1 messages, RFC 9112 and 9110, as functions and small state machines."""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

LONGEST_HEAD = 32768
LONGEST_TARGET = 4096
LONGEST_VALUE = 1024
MOST_BODY = 65536
_LONGEST_SIZE = 1024

_FOLD = re.compile(rb"\r?\n[ \t]+")
_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,24}\Z")
_TRANSFER = re.compile(r"(?:^|,)\s*chunked\s*\Z")
_NOT_HEX = re.compile(rb"[^0-9a-fA-F]")

METHODS = (
    b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE", b"PATCH",
    b"PROPFIND", b"PROPPATCH", b"MKCOL", b"COPY", b"MOVE", b"LOCK", b"UNLOCK", b"REPORT",
    b"SEARCH", b"MERGE", b"CHECKOUT", b"SUBSCRIBE", b"UNSUBSCRIBE", b"NOTIFY", b"M-SEARCH",
    b"BITS_POST", b"CCM_POST", b"RPC_IN_DATA", b"RPC_OUT_DATA", b"PURGE", b"DEBUG", b"TRACK",
    b"SOURCE", b"VERSION-CONTROL", b"MKACTIVITY", b"PRI", b"QUERY", b"ACL", b"BIND", b"LINK",
)  # fmt: skip
"""What is taken for HTTP by its first bytes: IANA's list, and what is seen besides."""


class Head(NamedTuple):
    """The first line of a message and its fields, names in lower case."""

    first: bytes
    fields: dict[bytes, bytes]

    def get(self, name: bytes, most: int = LONGEST_VALUE) -> str:
        """Return a field as text, empty where it is missing."""
        value = self.fields.get(name)
        return value[:most].decode("utf-8", "replace") if value else ""


def head(raw: bytes) -> Head:
    """Take apart the head of a message, without the empty line that ends it.

    Of several fields of one name the first counts, but for the list of forwarders.
    """
    if b"\n " in raw or b"\n\t" in raw:
        raw = _FOLD.sub(b" ", raw)
    lines = raw.split(b"\n")
    fields: dict[bytes, bytes] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return Head(lines[0].removesuffix(b"\r"), fields)


class RequestLine(NamedTuple):
    """``GET /path HTTP/1.1``; the version is empty for HTTP/0.9."""

    method: str
    target: str
    version: str


def request_line(line: bytes) -> RequestLine | None:
    """Take apart the first line of a request, or None where it is none."""
    method, space, rest = line.strip().partition(b" ")
    if not space or not _METHOD.match(method):
        return None
    target, space, version = rest.strip().rpartition(b" ")
    if not version.upper().startswith(b"HTTP/"):
        target, version = rest.strip(), b""
    shown = target[: LONGEST_TARGET * 4].decode("utf-8", "replace")[:LONGEST_TARGET]
    return RequestLine(method.decode("ascii"), shown, version[5:13].decode("ascii", "replace"))


def status_line(line: bytes) -> int | None:
    """Return the status of the first line of a response, None where it is none."""
    version, space, rest = line.strip().partition(b" ")
    code = rest.lstrip()[:3]
    if not version.startswith(b"HTTP/") or not space or not code.isdigit():
        return None
    return int(code)


def host_of(target: str) -> str:
    """Return the host of a target in absolute form, empty for others."""
    _, found, rest = target.partition("://")
    if not found or target.startswith("/"):
        return ""
    for stop in "/?#":
        rest = rest.partition(stop)[0]
    return rest.rpartition("@")[2][:LONGEST_VALUE]


def length(value: bytes) -> int | None:
    """Return a Content-Length; None where it is missing or no number."""
    first = value.partition(b",")[0].strip()
    return int(first) if first.isdigit() and len(first) <= 15 else None


def is_chunked(coding: str) -> bool:
    """Tell whether the last transfer coding is ``chunked``."""
    return _TRANSFER.search(coding.lower()) is not None


def decoded(data: bytes, coding: str) -> bytes | None:
    """Undo a content coding, at most `MOST_BODY` bytes of the result; None: it cannot be undone.

    Of a body that breaks off or goes wrong, what comes before is returned.
    """
    name = coding.strip().lower()
    if name in {"", "identity"}:
        return data[:MOST_BODY]
    if name not in {"gzip", "x-gzip", "deflate"}:
        return None
    for bits in (47, -15):  # zlib or gzip by its head; some servers send deflate bare
        try:
            return zlib.decompressobj(bits).decompress(data, MOST_BODY)
        except zlib.error:
            found = _until_it_breaks(data, bits)
            if found:
                return found
    return None


def _until_it_breaks(data: bytes, bits: int) -> bytes:
    machine, out = zlib.decompressobj(bits), b""
    try:
        for begin in range(0, len(data), 256):
            room = MOST_BODY - len(out)
            if room <= 0:
                break
            out += machine.decompress(machine.unconsumed_tail + data[begin : begin + 256], room)
    except zlib.error:
        pass
    return out


class Body:
    """Where the body of a message ends, and the bytes of it without their transfer coding."""

    __slots__ = ("_chunk", "_line", "_trailer", "done", "left", "wire")

    UNTIL_CLOSE = -1
    CHUNKED = -2

    def __init__(self, size: int) -> None:
        self.left = size
        """Bytes still to come, or one of the two constants."""
        self.done = size == 0
        self.wire = 0
        """Bytes of the body seen, without the frame of chunks."""
        self._chunk = 0
        self._line = b""
        self._trailer = False

    def take(self, data: bytes, at: int) -> tuple[list[bytes], int]:
        """Return the content in *data* from offset *at*, and the offset where it ends."""
        if self.left == self.CHUNKED:
            return self._chunks(data, at)
        stop = len(data)
        if self.left != self.UNTIL_CLOSE:
            stop = min(stop, at + self.left)
            self.left -= stop - at
            self.done = not self.left
        self.wire += stop - at
        return [data[at:stop]], stop

    def pass_over(self, size: int) -> int:
        """Take note of *size* missing bytes; return how many of them lie behind what is known."""
        if self.left == self.UNTIL_CLOSE:
            return 0
        if self.left == self.CHUNKED:
            passed = min(size, self._chunk)
            self._chunk -= passed
        else:
            passed = min(size, self.left)
            self.left -= passed
            self.done = not self.left
        return size - passed

    def _chunks(self, data: bytes, at: int) -> tuple[list[bytes], int]:
        pieces = []
        size = len(data)
        while at < size and not self.done:
            if self._chunk or self.left == self.UNTIL_CLOSE:
                stop = size if self.left == self.UNTIL_CLOSE else min(size, at + self._chunk)
                pieces.append(data[at:stop])
                self._chunk = max(0, self._chunk - (stop - at))
                self.wire += stop - at
                at = stop
                continue
            found = data.find(b"\n", at)
            stop = found + 1 if found >= 0 else size
            self._line = (self._line + data[at:stop])[:_LONGEST_SIZE]
            at = stop
            if found >= 0:
                line, self._line = self._line, b""
                self._frame(line.strip())
        return pieces, at

    def _frame(self, line: bytes) -> None:
        """Take a line between chunks; where the frame is wrong, the rest is taken as it stands."""
        if self._trailer:
            self.done = not line
        elif line:
            digits = line.partition(b";")[0].strip()
            if not digits or len(digits) > 12 or _NOT_HEX.search(digits):
                self.left = self.UNTIL_CLOSE
                return
            self._chunk = int(digits, 16)
            self._trailer = not self._chunk
