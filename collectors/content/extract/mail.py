"""Mail as files (RFC 5322, MIME): parts are decoded as they are read; mbox is many of them."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from typing import NamedTuple

from collectors.content.extract.budget import Budget, damaged
from collectors.content.extract.source import PIECE, Stream

_NAMES = rb"(?:From|To|Cc|Subject|Date|Message-ID|MIME-Version|Content-Type|Received|Return-Path)"
_HEADER = re.compile(rb"(?im)^" + _NAMES + rb":")
_FIRST = re.compile(rb"(?i)(?:From [^\n]{3,200} [0-9:]{5,8} |[A-Z][A-Za-z0-9-]{1,60}:[ \t])")
_MOST_HEADERS = 256 << 10
_DEEPEST = 20
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_PARAMETER = r'(?i)[; \t\r\n]{name}\*?=(?:"([^"\r\n]{{1,300}})"|([^\s;]{{1,300}}))'
_BOUNDARY = re.compile(_PARAMETER.format(name="boundary"))
_FILENAME = re.compile(_PARAMETER.format(name="(?:file)?name"))


class MailPart(NamedTuple):
    """The body of a part that is not made of others; read it before the next."""

    where: str
    name: str
    pieces: Iterator[bytes]
    text: bool = False
    """Headers: they would be taken for a mail again."""


def is_mail(head: bytes) -> bool:
    """Tell whether *head* begins with the headers of a mail: at least three known ones."""
    if not _FIRST.match(head):
        return False
    headers = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    return len({match.group().lower() for match in _HEADER.finditer(headers)}) >= 3


class _Lines:
    """Lines of a mail, with the boundaries that are open."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.boundaries: list[bytes] = []
        self.stop: tuple[int, bool] | None = None
        """Which open boundary ended the body (index), and whether it was the closing one."""
        self.ended = False

    def next(self) -> bytes | None:
        """Return the next line of the body, None when it has ended."""
        line = self._stream.line()
        if not line:
            self.ended = True
            return None
        if line[:2] == b"--" and self.boundaries:
            told = line.rstrip()[2:]
            for index in range(len(self.boundaries) - 1, -1, -1):
                if told in (self.boundaries[index], self.boundaries[index] + b"--"):
                    self.stop = (index, told != self.boundaries[index])
                    return None
        elif line[:5] == b"From " and _FIRST.match(line) and not self.boundaries:
            self.stop = (-1, False)  # the next mail of an mbox
            return None
        return line


def parts(stream: Stream, budget: Budget) -> Iterator[MailPart]:
    """Yield the headers and the bodies of all mails in *stream*.

    Raises:
        PartError: a multipart ends before its last boundary.
        Stop: more parts than allowed.
    """
    lines = _Lines(stream)
    number = 0
    while not lines.ended:
        budget.member()
        number += 1
        headers = _headers(lines)
        yield MailPart(f"part {number} headers", "", iter((headers,)), text=True)
        text = re.sub(r"\r?\n[ \t]+", " ", headers.decode("utf-8", "replace"))
        kind, coding = _field(text, "content-type"), _field(text, "content-transfer-encoding")
        boundary = _BOUNDARY.search(kind) if "multipart/" in kind.lower() else None
        if boundary and lines.stop is None and len(lines.boundaries) < _DEEPEST:
            lines.boundaries.append((boundary.group(1) or boundary.group(2)).encode())
            body = _raw(lines)  # what stands before the first boundary
        else:
            body = _decoded(lines, coding.strip().lower())
        name = _FILENAME.search(_field(text, "content-disposition")) or _FILENAME.search(kind)
        shown = name.group(1) or name.group(2) if name else ""
        if "message/rfc822" in kind.lower():
            shown = shown or "mail.eml"
        yield MailPart(f"part {number}" + (f" {shown}" if shown else ""), shown, body)
        for _ in body:
            pass
        _turn(lines)
    if lines.boundaries:
        raise damaged("mail ends inside a part")


def _turn(lines: _Lines) -> None:
    """Go on after the boundary that ended the last body."""
    while lines.stop is not None:
        index, closing = lines.stop
        lines.stop = None
        del lines.boundaries[index + 1 :]
        if not closing:
            return
        lines.boundaries.pop()
        while lines.next() is not None:  # an epilogue
            pass


def _headers(lines: _Lines) -> bytes:
    found: list[bytes] = []
    length = 0
    while (line := lines.next()) is not None and line.strip(b"\r\n"):
        if length < _MOST_HEADERS:
            found.append(line)
        length += len(line)
    return b"".join(found)


def _field(headers: str, name: str) -> str:
    match = re.search(rf"(?im)^{name}:([^\r\n]*)", headers)
    return match.group(1) if match else ""


def _raw(lines: _Lines) -> Iterator[bytes]:
    ready: list[bytes] = []
    length = 0
    while lines.stop is None and (line := lines.next()) is not None:
        ready.append(line)
        length += len(line)
        if length >= PIECE:
            yield b"".join(ready)
            ready, length = [], 0
    if ready:
        yield b"".join(ready)


def _decoded(lines: _Lines, coding: str) -> Iterator[bytes]:
    if coding == "base64":
        return _base64(_raw(lines))
    if coding == "quoted-printable":
        return (quopri.decodestring(piece) for piece in _raw(lines))
    return _raw(lines)


def _base64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    carry = b""
    for piece in pieces:
        data = carry + _NOT_BASE64.sub(b"", piece)
        whole = len(data) - len(data) % 4
        carry = data[whole:]
        yield base64.b64decode(data[:whole])
    if len(carry) > 1:
        try:
            yield base64.b64decode(carry + b"=" * (-len(carry) % 4))
        except binascii.Error as error:
            raise damaged("base64") from error
