"""Reads capture files as blocks of packets: pcap and pcapng, from a descriptor, in fixed memory.

Formats: draft-ietf-opsawg-pcap (both byte orders, microseconds and nanoseconds, and the longer
packet header of magic ``a1b2cd34``) and draft-ietf-opsawg-pcapng (see `pcapng`). A pipe will do;
nothing is sought.

What came before a fault is handed out before `CaptureError` is raised. Every step moves forward by
12 bytes at least, so that no file keeps the reader busy for longer than its size allows.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from collectors.network import pcapng
from collectors.network.block import Block
from collectors.network.chunks import (
    CHUNK,
    HAS_NUMPY,
    LARGEST,
    MOST,
    CaptureError,
    Heads,
    Window,
    plain,
    rows,
)

if TYPE_CHECKING:
    from collectors.network.arrays import Ints

__all__ = ["CaptureError", "read"]


class _Shape(NamedTuple):
    order: str
    """Byte order, as `struct` names it."""
    unit: int
    """ns of one unit in the second half of a time."""
    header: int
    """Bytes before each packet."""


_MAGIC = {
    b"\xd4\xc3\xb2\xa1": _Shape("<", 1000, 16),
    b"\xa1\xb2\xc3\xd4": _Shape(">", 1000, 16),
    b"\x4d\x3c\xb2\xa1": _Shape("<", 1, 16),
    b"\xa1\xb2\x3c\x4d": _Shape(">", 1, 16),
    b"\x34\xcd\xb2\xa1": _Shape("<", 1000, 24),
    b"\xa1\xb2\xcd\x34": _Shape(">", 1000, 24),
}


def read(descriptor: int, *, chunk: int = CHUNK, vector: bool = HAS_NUMPY) -> Iterator[Block]:
    """Yield the packets of the capture that *descriptor* is open on, from where it stands.

    A block holds until the next one is asked for. Without *vector*, its arrays are made without
    numpy. Raises `CaptureError` where the file is cut off or makes no sense, after all that came
    before, and OSError where it cannot be read.
    """
    window = Window(lambda into: os.readv(descriptor, [into]), chunk)
    if not window.need(4):
        raise CaptureError("this is no capture file: it has fewer than 4 bytes")
    magic = bytes(window.data[:4])
    if magic == pcapng.MAGIC:
        return pcapng.blocks(window, vector)
    if magic not in _MAGIC:
        raise CaptureError(f"this is no capture file: it begins with {magic.hex()}")
    return _blocks(window, _MAGIC[magic], vector)


def _blocks(window: Window, shape: _Shape, vector: bool) -> Iterator[Block]:
    if not window.need(24):
        raise CaptureError("the capture file ends in its header")
    # The upper bits of the link type tell about frame check sequences.
    link = struct.unpack_from(shape.order + "I", window.data, 20)[0] & 0xFFFF
    window.position += 24
    heads = Heads() if vector else None
    while True:
        found, fault = _walk(window, shape, heads)
        if len(found) and heads:
            yield _block(window.data, heads, shape, link)
        elif isinstance(found, list) and found:
            yield _plain_block(window.data, found, shape, link)
        elif window.end == window.position:
            return
        elif not fault and not window.grow():
            fault = f"the capture file ends within a packet, at byte {window.base + window.end}"
        if fault:
            raise CaptureError(fault)


def _walk(window: Window, shape: _Shape, heads: Heads | None) -> tuple[list[int] | Ints, str]:
    """Return where whole packets begin, and what is wrong with the one that follows them."""
    window.forward()
    if heads:
        return _walk_at_once(window, shape, heads)
    found: list[int] = []
    while True:
        fault = _step(window, shape, found)
        if fault or len(found) == MOST or not window.more():
            return found, fault


def _walk_at_once(window: Window, shape: _Shape, heads: Heads) -> tuple[list[int] | Ints, str]:
    """Do the same with arrays, and copy the heads."""
    from collectors.network import chains

    # No more than a block takes, or the rest would be walked over again.
    reach = MOST * heads.size
    while window.end < reach and window.more():
        pass
    while True:
        whole = window.data[: window.end]
        layout = chains.Layout(shape.order, shape.header)
        found, window.position = chains.walk(whole, window.position, layout)
        if len(found) > MOST:
            window.position, found = int(found[MOST]), found[:MOST]
        fault = _fault(window, shape)
        if len(found) or fault or not window.more():
            break
    heads.take(window.whole, found, window.position)
    return found, fault


def _fault(window: Window, shape: _Shape) -> str:
    """Return what is wrong with the packet at the position, which is not whole."""
    if window.end - window.position >= 12:
        (size,) = struct.unpack_from(shape.order + "8xI", window.data, window.position)
        if size > LARGEST:
            return f"a packet of {size} bytes at byte {window.base + window.position}"
    return ""


def _step(window: Window, shape: _Shape, found: list[int]) -> str:
    """Add to *found* what is whole in the window; return what is wrong with what follows."""
    add, header, position = found.append, shape.header, window.position
    unpack, data = struct.Struct(shape.order + "8xI").unpack_from, window.data[: window.end]
    try:
        for _ in range(MOST - len(found)):
            (size,) = unpack(data, position)
            add(position)
            position += header + size
    except struct.error:
        # Past the end; so the loop needs no comparison of its own.
        pass
    if position > window.end:
        window.position = found.pop()
        return _fault(window, shape)
    window.position = position
    return ""


def _block(data: memoryview, heads: Heads, shape: _Shape, link: int) -> Block:
    import numpy as np

    rows = heads.rows()
    numbers = rows.view(f"{shape.order}u4")
    seconds, parts, captured, wire = (numbers[:, n].astype(np.int64) for n in range(4))
    return Block(
        data=data,
        offset=heads.places + shape.header,
        captured=captured,
        wire=np.maximum(wire, captured),
        time=seconds * 1_000_000_000 + parts * shape.unit,
        link=link,
        heads=rows,
        heads_at=shape.header,
    )


def _plain_block(data: memoryview, found: list[int], shape: _Shape, link: int) -> Block:
    table = rows(data, found, shape.order, 4)
    return Block(
        data=data,
        offset=plain([at + shape.header for at in found]),
        captured=plain([row[2] for row in table]),
        wire=plain([max(row[2], row[3]) for row in table]),
        time=plain([row[0] * 1_000_000_000 + row[1] * shape.unit for row in table]),
        link=link,
    )
