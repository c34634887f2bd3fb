"""The part of DER (X.690) that certificates are written in: by position, never by recursion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

BOOLEAN, INTEGER, BITS, OCTETS, OID = 0x01, 0x02, 0x03, 0x04, 0x06
SEQUENCE, SET = 0x30, 0x31

MOST = 64
"""Elements read on one level, unless more are asked for."""


class Element(NamedTuple):
    """One element; its content is ``data[begin:end]``."""

    tag: int
    start: int
    """Of the tag."""
    begin: int
    end: int


def element(data: bytes, at: int, limit: int) -> Element | None:
    """Return the element at *at*, if it ends by *limit*: with a tag of one byte and a length."""
    if at + 2 > limit:
        return None
    tag, size = data[at], data[at + 1]
    begin = at + 2
    if size >= 0x80:
        width = size & 0x7F
        if not 1 <= width <= 4 or begin + width > limit:
            return None
        size = int.from_bytes(data[begin : begin + width], "big")
        begin += width
    if tag & 0x1F == 0x1F or begin + size > limit:
        return None
    return Element(tag, at, begin, begin + size)


def children(data: bytes, parent: Element, most: int = MOST) -> Iterator[Element]:
    """Yield the elements inside *parent*, up to the first that is broken."""
    at = parent.begin
    for _ in range(most):
        found = element(data, at, parent.end)
        if found is None:
            return
        yield found
        at = found.end


def oid(content: bytes) -> str:
    """Return an object identifier in dots; at most 64 bytes of it."""
    parts: list[int] = []
    value = 0
    for byte in content[:64]:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            parts.append(value)
            value = 0
    if not parts:
        return ""
    first = min(parts[0] // 40, 2)
    return ".".join(map(str, (first, parts[0] - 40 * first, *parts[1:])))
