"""Reads pcapng: draft-ietf-opsawg-pcapng, sections 3 and 4; and the packet block of its appendix A.

Packets of a kind that follow one another become one block; blocks that are not about packets are
passed over, however long they say they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from collectors.network.block import Block
from collectors.network.chunks import LARGEST, MOST, CaptureError, Window, columns, plain

if TYPE_CHECKING:
    from collectors.network.arrays import Ints

MAGIC = b"\x0a\x0d\x0d\x0a"
_SECTION, _INTERFACE, _PACKET, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_NAME, _RESOLUTION, _OFFSET = 2, 9, 14  # options if_name, if_tsresol, if_tsoffset
_MOST_INTERFACES = 4096
_GIGA = 1_000_000_000
_NS = (1 << 63) - 1

# From the beginning of a block to the packet's bytes.
_DATA = {_PACKET: 28, _SIMPLE: 12, _ENHANCED: 28}


class _Interface(NamedTuple):
    link: int
    snap: int
    name: str
    resolution: int
    """As in ``if_tsresol``."""
    offset: int
    """Seconds to be added."""


class _Section:
    """What stands in the section that is being read."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.interfaces: list[_Interface] = []
        self.last = 0
        """Time of the last packet: simple blocks have none of their own."""

    def begin(self, order: str) -> None:
        """Forget the interfaces of the section before."""
        self.order = order
        self.interfaces = []

    def names(self) -> tuple[str, ...]:
        """Return a name for each interface, none for the only one that has none."""
        return tuple(
            each.name or (str(number) if number else "")
            for number, each in enumerate(self.interfaces)
        )


def blocks(window: Window, vector: bool) -> Iterator[Block]:
    """Yield the packets behind the position of *window*, which stands at a section header."""
    section = _Section("<")
    while True:
        kind, found, fault = _walk(window, section)
        if found:
            yield from _made(window.data, section, kind, found, vector)
        elif window.end == window.position:
            return
        elif not fault:
            fault = _other(window, section)
        if fault:
            raise CaptureError(fault)


def _walk(window: Window, section: _Section) -> tuple[int, list[int], str]:
    """Return the places of blocks of packets that follow one another, all of one kind."""
    found: list[int] = []
    kind = -1
    window.forward()
    while True:
        kind, whole, fault = _step(window, section, kind, found)
        if fault or not whole or len(found) == MOST or not window.more():
            return kind, found, fault


def _step(window: Window, section: _Section, kind: int, found: list[int]) -> tuple[int, bool, str]:
    """Add to *found* the blocks in the window that are of *kind* (-1: of any that is a packet's).

    Returns the kind, whether more of the file may add to them, and what is wrong with what follows.
    """
    add, data, position, end = found.append, window.data, window.position, window.end
    unpack = struct.Struct(section.order + "II").unpack_from
    whole, fault = True, ""
    for _ in range(MOST - len(found)):
        if position + 12 > end:
            break
        here, size = unpack(data, position)
        if here != kind:
            if kind >= 0 or here not in _DATA:
                whole = False
                break
            kind = here
        if size < _DATA[kind] + 4 or size > LARGEST or size & 3:
            fault = f"a block of {size} bytes at byte {window.base + position}"
            break
        if position + size > end:
            break
        add(position)
        position += size
    window.position = position
    return kind, whole, fault


def _other(window: Window, section: _Section) -> str:
    """Take one block that holds no packet, or is not whole yet; return what is wrong with it."""
    if window.end - window.position < 12:
        return f"the capture file ends within a block, at byte {window.base + window.end}"
    data, at = window.data, window.position
    kind, size = struct.unpack_from(section.order + "II", data, at)
    if kind in _DATA:
        return "" if window.grow() else "the capture file ends within a packet"
    if kind == _SECTION:
        order = _ORDERS.get(bytes(data[at + 8 : at + 12]))
        if order is None:
            return f"a section without byte order at byte {window.base + at}"
        section.begin(order)
        size = struct.unpack_from(order + "I", data, at + 4)[0]
    if size < 12 or size & 3:
        return f"a block of {size} bytes at byte {window.base + at}"
    if kind == _INTERFACE and (fault := _add_interface(window, section, size)):
        return fault
    return "" if window.skip(size) else "the capture file ends within a block"


def _add_interface(window: Window, section: _Section, size: int) -> str:
    if size < 20 or size > LARGEST or len(section.interfaces) == _MOST_INTERFACES:
        return f"an interface that cannot be at byte {window.base + window.position}"
    if not window.need(size):
        return "the capture file ends within a block"
    body = bytes(window.data[window.position : window.position + size])
    link, _, snap = struct.unpack_from(section.order + "HHI", body, 8)
    name, resolution, offset = "", 6, 0
    at = 16
    while at + 4 <= size - 4:
        code, length = struct.unpack_from(section.order + "HH", body, at)
        value = body[at + 4 : min(at + 4 + length, size - 4)]
        at += 4 + (length + 3 & ~3)
        if code == 0:
            break
        if code == _NAME:
            name = value[:64].decode("utf-8", "replace")
        elif code == _RESOLUTION and len(value) == 1:
            resolution = value[0]
        elif code == _OFFSET and len(value) == 8:
            offset = struct.unpack(section.order + "q", value)[0]
    section.interfaces.append(_Interface(link, snap, name, resolution, offset))
    return ""


def _made(
    data: memoryview, section: _Section, kind: int, found: list[int], vector: bool
) -> Iterator[Block]:
    """Yield the packets, by link type; raise at the first that makes no sense."""
    make = _vector_blocks if vector else _plain_blocks
    good, made = make(data, section, kind, found)
    yield from made
    if good < len(found):
        raise CaptureError("a packet without its interface, or longer than its block")


def _vector_blocks(
    data: memoryview, section: _Section, kind: int, found: list[int]
) -> tuple[int, list[Block]]:
    import numpy as np

    at = np.array(found, np.int64)
    size, number, high, low, captured, wire = _vector_fields(data, section, kind, at)
    bad = (number >= len(section.interfaces)) | (captured > size - _DATA[kind] - 4)
    good = int(np.argmax(bad)) if bad.any() else len(at)
    number, high, low = number[:good], high[:good], low[:good]
    time = np.full(good, section.last, np.int64)
    links = np.zeros(good, np.int64)
    for each in np.flatnonzero(np.bincount(number)).tolist() if good else ():
        interface = section.interfaces[each]
        rows_of = number == each
        links[rows_of] = interface.link
        if kind != _SIMPLE:
            time[rows_of] = _vector_ns(high[rows_of], low[rows_of], interface)
    if good:
        section.last = int(time[-1])
    made = []
    # np.unique sorts, which costs nothing where all are equal.
    for link in np.unique(links).tolist():
        rows_of = np.flatnonzero(links == link)
        made.append(
            Block(
                data=data,
                offset=at[rows_of] + _DATA[kind],
                captured=captured[rows_of],
                wire=np.maximum(wire, captured)[rows_of],
                time=time[rows_of],
                link=link,
                interfaces=section.names(),
                interface=number[rows_of],
            )
        )
    return good, made


def _vector_fields(data: memoryview, section: _Section, kind: int, at: Ints) -> list[Ints]:
    """Return size of the block, interface, time high and low, captured and wire length."""
    import numpy as np

    if kind == _SIMPLE:
        _, size, wire = columns(data, at, section.order, 3)
        nothing = np.zeros(len(at), np.int64)
        snap = section.interfaces[0].snap if section.interfaces else 0
        captured = np.minimum(wire, snap or LARGEST)
        return [size, nothing, nothing, nothing, np.minimum(captured, size - 16), wire]
    found = columns(data, at, section.order, 7)[1:]
    if kind == _PACKET:
        # Two 16-bit numbers: interface, drops.
        found[1] = found[1] & 0xFFFF if section.order == "<" else found[1] >> 16
    return found


def _vector_ns(high: Ints, low: Ints, interface: _Interface) -> Ints:
    import numpy as np

    ticks = high.astype(np.uint64) << np.uint64(32) | low.astype(np.uint64)
    bits = interface.resolution & 127
    if not interface.resolution & 128:
        if bits <= 9:
            time = ticks * np.uint64(10 ** (9 - bits))
        else:
            time = ticks // np.uint64(10 ** min(bits - 9, 19))
    else:
        bits = min(bits, 63)
        rest = ticks & np.uint64((1 << bits) - 1)
        # 33 bits times 10^9 fit 64; more of them tell less than a ns.
        kept = min(bits, 33)
        rest = (rest >> np.uint64(bits - kept)) * np.uint64(_GIGA) >> np.uint64(kept)
        time = (ticks >> np.uint64(bits)) * np.uint64(_GIGA) + rest
    added = np.uint64(interface.offset * _GIGA & (1 << 64) - 1)
    return (time + added & np.uint64(_NS)).astype(np.int64)


def _plain_blocks(
    data: memoryview, section: _Section, kind: int, found: list[int]
) -> tuple[int, list[Block]]:
    by_link: dict[int, list[tuple[int, ...]]] = {}
    good = 0
    for at in found:
        size, number, ticks, captured, wire = _plain_fields(data, section, kind, at)
        if number >= len(section.interfaces) or captured > size - _DATA[kind] - 4:
            break
        good += 1
        interface = section.interfaces[number]
        if kind != _SIMPLE:
            section.last = _ns(ticks, interface)
        row = (at + _DATA[kind], captured, max(captured, wire), section.last, number)
        by_link.setdefault(interface.link, []).append(row)
    made = []
    for link, rows_of in by_link.items():
        offset, lengths, wires, time, numbers = (plain(each) for each in zip(*rows_of, strict=True))
        made.append(
            Block(
                data=data,
                offset=offset,
                captured=lengths,
                wire=wires,
                time=time,
                link=link,
                interfaces=section.names(),
                interface=numbers,
            )
        )
    return good, made


def _plain_fields(data: memoryview, section: _Section, kind: int, at: int) -> tuple[int, ...]:
    order = section.order
    if kind == _SIMPLE:
        size, wire = struct.unpack_from(order + "II", data, at + 4)
        snap = section.interfaces[0].snap if section.interfaces else 0
        return size, 0, 0, min(wire, snap or LARGEST, size - 16), wire
    number_as = "I" if kind == _ENHANCED else "Hxx"
    found: tuple[int, ...] = struct.unpack_from(f"{order}I{number_as}IIII", data, at + 4)
    size, number, high, low, captured, wire = found
    return size, number, high << 32 | low, captured, wire


def _ns(ticks: int, interface: _Interface) -> int:
    bits = interface.resolution & 127
    time: int
    if not interface.resolution & 128:
        time = ticks * 10 ** (9 - bits) if bits <= 9 else ticks // 10 ** min(bits - 9, 19)
    else:
        bits = min(bits, 63)
        rest, kept = ticks & (1 << bits) - 1, min(bits, 33)
        time = (ticks >> bits) * _GIGA + ((rest >> bits - kept) * _GIGA >> kept)
    return time + interface.offset * _GIGA & _NS
