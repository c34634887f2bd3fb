"""Tar archives, read once from front to end: ustar, GNU and pax names. No file is ever made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from collectors.content.extract.budget import Budget, damaged
from collectors.content.extract.source import Part, Stream

_BLOCK = 512
_LONGEST_NAME = 64 << 10
_FILES = frozenset({b"0", b"\0", b"7", b"S"})  # regular, old, contiguous, sparse as stored
_WITHOUT_DATA = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})  # links, devices, directories
_ABOUT_THE_NEXT = frozenset({b"L", b"K", b"x", b"g"})
_EXTENDED = 482  # GNU sparse: whether another block of the map follows


class Member(NamedTuple):
    """A file in the archive; read `part` before the next one."""

    name: bytes
    part: Part


# Spaced as one likes, but nothing else stands there: most text is seen not to be an archive by it.
_SUM = re.compile(rb"[ \0]*[0-7]*[ \0]*")


def is_tar(head: bytes) -> bool:
    """Tell whether *head* is a tar header: its checksum fits."""
    if (
        len(head) < _BLOCK
        or head[0] == 0
        or not (head[148] & 0x80 or _SUM.fullmatch(head, 148, 156))
    ):
        return False
    return _checksum_fits(head[:_BLOCK])


def _checksum_fits(header: bytes) -> bool:
    told = _number(header[148:156])
    return told is not None and told == sum(header[:148]) + 8 * 32 + sum(header[156:])


def _number(field: bytes) -> int | None:
    if field[0] & 0x80:  # GNU: base 256
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.strip(b" \0")
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        return None


def members(stream: Stream, budget: Budget) -> Iterator[Member]:
    """Yield the files of the archive.

    Raises:
        PartError: a header is wrong, or the archive ends too early.
        Stop: more members than allowed.
    """
    name: bytes | None = None
    size: int | None = None
    while (header := _header(stream)) is not None:
        budget.member()
        kind = header[156:157]
        told = _number(header[124:136])
        if told is None:
            raise damaged("tar header")
        if kind in _ABOUT_THE_NEXT:
            text = _extra(stream, told)
            if kind == b"L":
                name = text.rstrip(b"\0")
            elif kind == b"x":
                name, size = _pax(text, name, size)
            continue
        length = told if size is None else size
        if kind == b"S":
            _skip_map(stream, header)
        part = stream.part(0 if kind in _WITHOUT_DATA else length)
        if kind in _FILES and length:
            yield Member(name or _short_name(header), part)
        if not part.end():
            raise damaged("tar ends too early")
        stream.read(-length % _BLOCK if kind not in _WITHOUT_DATA else 0)
        name = size = None


def _header(stream: Stream) -> bytes | None:
    header = stream.read(_BLOCK)
    if len(header) == _BLOCK and not header.strip(b"\0"):
        return None
    if len(header) < _BLOCK:
        raise damaged("tar ends too early")
    if not _checksum_fits(header):
        raise damaged("tar header")
    return header


def _short_name(header: bytes) -> bytes:
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0] if header[257:262] == b"ustar" else b""
    return prefix + b"/" + name if prefix and header[262:263] == b"\0" else name


def _extra(stream: Stream, size: int) -> bytes:
    part = stream.part(size)
    text = b""
    for piece in part.pieces():
        if len(text) < _LONGEST_NAME:
            text += piece
    if part.left:
        raise damaged("tar ends too early")
    stream.read(-size % _BLOCK)
    return text[:_LONGEST_NAME]


def _pax(text: bytes, name: bytes | None, size: int | None) -> tuple[bytes | None, int | None]:
    """Read ``LENGTH KEY=VALUE`` records (POSIX pax)."""
    while text:
        length, space, _ = text.partition(b" ")
        if not space or not length.isdigit() or not 0 < int(length[:9]) <= len(text):
            break
        key, _, value = text[len(length) + 1 : int(length) - 1].partition(b"=")
        if key == b"path":
            name = value
        elif key == b"size" and value.isdigit():
            size = int(value[:18])
        text = text[int(length) :]
    return name, size


def _skip_map(stream: Stream, header: bytes) -> None:
    more = header[_EXTENDED]
    while more:
        block = stream.read(_BLOCK)
        if len(block) < _BLOCK:
            raise damaged("tar ends too early")
        more = block[504]
