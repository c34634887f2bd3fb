"""Reads the headers of all packets of a block at once, with numpy.

What is read and by which rules stands in `headers_struct`, which answers the same packet by packet.
Here all packets take each step together: the bytes of a header are gathered into a table with one
row per packet, and the few rows that have tags, extension headers or tunnels are gone over again.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np

from collectors.network import headers_struct as one
from collectors.network.arrays import Bools, Bytes, Ints, Numbers, Shorts, Words
from collectors.network.block import ETHERNET, Block
from collectors.network.headers_link import (
    BYTE,
    SHORT,
    WORD,
    Found,
    gather,
    numbers,
    unlink,
    unwrap,
)

_IP4 = np.dtype(
    {
        "names": ["version", "total", "ident", "fragment", "proto", "source", "destination"],
        "formats": ["u1", ">u2", ">u2", ">u2", "u1", "<u4", "<u4"],
        "offsets": [0, 2, 4, 6, 9, 12, 16],
        "itemsize": 20,
    }
)
_COMMON = np.dtype(
    {
        "names": [
            *(_IP4.names or ()),
            *("source_port", "destination_port", "seq", "ack", "length", "flags"),
        ],
        "formats": [
            *("u1", ">u2", ">u2", ">u2", "u1", "<u4", "<u4"),
            *(">u2", ">u2", ">u4", ">u4", "u1", "u1"),
        ],
        "offsets": [0, 2, 4, 6, 9, 12, 16, 20, 22, 24, 28, 32, 33],
        "itemsize": 40,
    }
)
_IP6 = np.dtype(
    {
        "names": ["version", "length", "proto", "source", "destination"],
        "formats": ["u1", ">u2", "u1", ("<u8", 2), ("<u8", 2)],
        "offsets": [0, 4, 6, 8, 24],
        "itemsize": 40,
    }
)
_TRANSPORT = np.dtype(
    {
        "names": ["source", "destination", "type", "code", "seq", "ack", "length", "flags"],
        "formats": [">u2", ">u2", "u1", "u1", ">u4", ">u4", "u1", "u1"],
        "offsets": [0, 2, 0, 1, 4, 8, 12, 13],
        "itemsize": 20,
    }
)
_PORTS = np.zeros(256, bool)
_PORTS[list(one.WITH_PORTS)] = True
_TUNNEL = np.zeros(256, bool)
_TUNNEL[[one.IPIP, one.SIX_IN_FOUR, one.GRE]] = True
_EXTENSION = np.zeros(256, bool)
_EXTENSION[[*one.EXTENSIONS, one.FRAGMENT, one.AUTHENTICATION]] = True


@dataclass(slots=True)
class Rows:
    """The packets that are IP, as columns; their meaning stands at `headers_struct.Row`.

    An address is two words as it lies in memory, the first bytes in the high one, so that
    ``int.to_bytes(8, "little")`` gives them back; one of IPv4 is all in the low one.
    """

    packet: Ints
    proto: Bytes
    six: Bools
    source_high: Words
    source: Words
    destination_high: Words
    destination: Words
    source_port: Shorts
    destination_port: Shorts
    flags: Bytes
    seq: Numbers
    ack: Numbers
    size: Ints
    payload: Ints
    captured: Ints
    payload_size: Ints
    fragment: Bytes
    ident: Numbers
    vlan: Ints
    place: Ints

    def __len__(self) -> int:
        return len(self.packet)

    def take(self, which: Ints | Bools) -> Rows:
        """Return some of the rows."""
        return Rows(*(getattr(self, name)[which] for name in COLUMNS))

    def piece(self, begin: int, end: int) -> Rows:
        """Return the rows from *begin* to *end*, not copied."""
        return Rows(*(getattr(self, name)[begin:end] for name in COLUMNS))


COLUMNS = tuple(each.name for each in fields(Rows))


class Headers(NamedTuple):
    """All that a block holds; see `headers_struct.Parsed`."""

    rows: Rows
    """In the order of the packets."""
    arp: list[tuple[int, int]]
    other: int
    malformed: int
    echoes: int


class _Ip(NamedTuple):
    """IP headers, as in `headers_struct`; `found` are the rows they were in."""

    found: Found
    proto: Bytes
    six: bool
    source_high: Words
    source: Words
    destination_high: Words
    destination: Words
    size: Ints
    at: Ints
    captured: Ints
    rest: Ints
    fragment: Bytes
    ident: Numbers

    def take(self, which: Ints) -> _Ip:
        return self._replace(
            found=self.found.take(which),
            **{name: getattr(self, name)[which] for name in _IP_COLUMNS},
        )


_IP_COLUMNS = tuple(name for name in _Ip._fields if name not in {"found", "six"})


def parse(block: Block) -> Headers:
    """Read the headers of all packets of *block*."""
    data = np.frombuffer(block.data, np.uint8)
    echoes, found = 0, None
    if block.heads is not None and block.link == ETHERNET and not block.loopback:
        rows, keep = _of_heads(block, block.heads)
    else:
        found, echoes = unlink(data, block)
        found = unwrap(data, found)
        rows, keep = _common(data, found)
    odd = np.flatnonzero(~keep)
    malformed, known = 0, len(keep) - len(odd)
    arp: list[tuple[int, int]] = []
    if len(odd):
        rest = found.take(odd) if found else _odd(data, block, odd)
        which = np.flatnonzero((rest.type == one.ARP) & (rest.end - rest.at >= 28))
        arp = list(zip(rest.packet[which].tolist(), rest.at[which].tolist(), strict=True))
        parts: list[Rows] = []
        # The place among the rows stands for the packet until they are written there.
        malformed, count = _packets(data, rest._replace(packet=odd), parts, one.TUNNELS)
        known += count
        for part in parts:
            keep[part.packet] = True
            for name in COLUMNS[1:]:
                getattr(rows, name)[part.packet] = getattr(part, name)
    if not keep.all():
        rows = rows.take(np.flatnonzero(keep))
    return Headers(rows, arp, len(keep) - known - len(arp), malformed, echoes)


def _of_heads(block: Block, heads: Bytes) -> tuple[Rows, Bools]:
    """Read what can be read from the heads alone, as `_common` does."""
    width = heads.shape[1]
    flat = heads.reshape(-1)
    begin = np.arange(len(heads)) * width + block.heads_at
    near = replace(block, data=flat.data, offset=begin, heads=None)
    found = unwrap(flat, unlink(flat, near)[0])
    rows, keep = _common(flat, found)
    # Whatever was read past a head, of another one, lies further out than this.
    keep &= found.at + _COMMON.itemsize <= begin + (width - block.heads_at)
    rows.payload += block.offset - begin
    return rows, keep


def _odd(data: Bytes, block: Block, odd: Ints) -> Found:
    """Return packets *odd* of a block unwrapped."""
    part = replace(
        block,
        offset=block.offset[odd],
        captured=block.captured[odd],
        wire=block.wire[odd],
        time=block.time[odd],
        vlan=None if block.vlan is None else block.vlan[odd],
    )
    return unwrap(data, unlink(data, part)[0])._replace(packet=odd)


def _common(data: Bytes, found: Found) -> tuple[Rows, Bools]:
    """Read all packets as if they were whole TCP or UDP over IPv4 without options.

    Returns also which ones are; most are, and the others are gone over again.
    """
    header = gather(data, found.at, _COMMON)
    proto = header["proto"].copy()
    tcp, udp = proto == 6, proto == 17
    room, wire = found.end - found.at, found.wire - found.at
    size = header["total"].astype(np.int64)
    if not size.all():
        size = np.where(size, size, wire)
    np.minimum(size, wire, out=size)
    length = header["length"]
    good = (found.type == one.IP4) & (header["version"] == 0x45) & (tcp | udp)
    good &= (header["fragment"] & 0x3FFF) == 0
    good &= udp | (length >= 0x50)
    good &= room >= np.where(tcp, 40, 28)
    start = np.where(tcp, (length >> 2) & 0x3C, np.uint8(8)).astype(np.int64)
    start += 20
    good &= size >= start
    nothing = np.zeros(len(proto), np.uint64)
    rows = Rows(
        packet=found.packet,
        proto=proto,
        six=np.zeros(len(proto), bool),
        source_high=nothing,
        source=header["source"].astype(np.uint64),
        destination_high=nothing.copy(),
        destination=header["destination"].astype(np.uint64),
        source_port=header["source_port"].astype(np.uint16),
        destination_port=header["destination_port"].astype(np.uint16),
        flags=(header["flags"] & 0x3F) * tcp,
        seq=header["seq"].astype(np.uint32) * tcp,
        ack=header["ack"].astype(np.uint32) * tcp,
        size=size,
        payload=found.at + start,
        captured=np.maximum(np.minimum(room, size) - start, 0),
        payload_size=size - start,
        fragment=np.zeros(len(proto), np.uint8),
        ident=np.zeros(len(proto), np.uint32),
        vlan=found.vlan.copy(),
        place=found.place.copy(),
    )
    return rows, good


def _packets(data: Bytes, found: Found, parts: list[Rows], depth: int) -> tuple[int, int]:
    """Add the rows of the packets that are IP to *parts*.

    Returns how many are malformed, and how many say they are IP.
    """
    malformed = known = 0
    for kind, read in ((one.IP4, _ip4), (one.IP6, _ip6)):
        mine = found.type == kind
        count = int(np.count_nonzero(mine))
        if not count:
            continue
        known += count
        ip = read(data, found if count == len(mine) else found.take(mine))
        malformed += count - len(ip.at)
        if depth:
            ip = _inside(data, ip, parts, depth - 1)
        if len(ip.at):
            parts.append(_transport(data, ip))
    return malformed, known


def _inside(data: Bytes, ip: _Ip, parts: list[Rows], depth: int) -> _Ip:
    """Read what tunnels carry; return the packets that carry nothing that can be read."""
    which = np.flatnonzero(_TUNNEL[ip.proto] & (ip.fragment != 2))
    if not len(which):
        return ip
    at, proto, room = ip.at[which], ip.proto[which], ip.captured[which]
    kind = np.where(proto == one.IPIP, one.IP4, np.where(proto == one.GRE, one.OTHER, one.IP6))
    gre = np.flatnonzero((proto == one.GRE) & (room >= 4))
    bits = numbers(data, at[gre], SHORT)
    gre, bits = gre[bits & 0x4007 == 0], bits[bits & 0x4007 == 0]
    kind[gre] = numbers(data, at[gre] + 2, SHORT)
    start = at.copy()
    start[gre] += 4 + 4 * ((bits >> 15 & 1) + (bits >> 13 & 1) + (bits >> 12 & 1))
    inner = Found(
        # The place among the rows: a row of the outside is dropped where the inside has one.
        packet=which,
        type=kind,
        at=start,
        end=at + room,
        wire=at + ip.rest[which],
        vlan=ip.found.vlan[which],
        place=ip.found.place[which],
    )
    within: list[Rows] = []
    _packets(data, unwrap(data, inner), within, depth)
    keep = np.ones(len(ip.at), bool)
    for rows in within:
        keep[rows.packet] = False
        rows.packet = ip.found.packet[rows.packet]
    parts += within
    return ip.take(np.flatnonzero(keep)) if within else ip


def _ip4(data: Bytes, found: Found) -> _Ip:
    header = gather(data, found.at, _IP4)
    room, wire = found.end - found.at, found.wire - found.at
    version = header["version"]
    length = (version & 15).astype(np.int64) << 2
    total = header["total"].astype(np.int64)
    size = np.minimum(np.where(total, total, wire), wire)
    good = (room >= 20) & (version >> 4 == 4) & (length >= 20) & (size >= length)
    bits = header["fragment"]
    fragment = np.zeros(len(size), np.uint8)
    ident = np.zeros(len(size), np.uint32)
    pieces = np.flatnonzero(bits & 0x3FFF)
    if len(pieces):
        fragment[pieces] = np.where(bits[pieces] & 0x1FFF, 2, 1)
        ident[pieces] = header["ident"][pieces]
    nothing = np.zeros(len(size), np.uint64)
    ip = _Ip(
        found=found,
        proto=header["proto"].copy(),
        six=False,
        source_high=nothing,
        source=header["source"].astype(np.uint64),
        destination_high=nothing,
        destination=header["destination"].astype(np.uint64),
        size=size,
        at=found.at + length,
        captured=np.maximum(np.minimum(room, size) - length, 0),
        rest=size - length,
        fragment=fragment,
        ident=ident,
    )
    return ip if good.all() else ip.take(np.flatnonzero(good))


def _ip6(data: Bytes, found: Found) -> _Ip:
    header = gather(data, found.at, _IP6)
    room, wire = found.end - found.at, found.wire - found.at
    length = header["length"].astype(np.int64)
    size = np.minimum(np.where(length, length + 40, wire), wire)
    good = (room >= 40) & (header["version"] >> 4 == 6)
    ip = _Ip(
        found=found,
        proto=header["proto"].copy(),
        six=True,
        source_high=header["source"][:, 0].astype(np.uint64),
        source=header["source"][:, 1].astype(np.uint64),
        destination_high=header["destination"][:, 0].astype(np.uint64),
        destination=header["destination"][:, 1].astype(np.uint64),
        size=size,
        at=found.at + 40,
        captured=np.minimum(room, size) - 40,
        rest=size - 40,
        fragment=np.zeros(len(size), np.uint8),
        ident=np.zeros(len(size), np.uint32),
    )
    if not good.all():
        ip = ip.take(np.flatnonzero(good))
    todo = np.flatnonzero(_EXTENSION[ip.proto] & (ip.captured >= 8))
    for _ in range(one.WRAPS):
        if not len(todo):
            break
        todo = _extension(data, ip, todo)
    return ip


def _extension(data: Bytes, ip: _Ip, todo: Ints) -> Ints:
    """Step over one extension header of the packets *todo*; return those that have another."""
    at, proto = ip.at[todo], ip.proto[todo]
    units = numbers(data, at + 1, BYTE)
    length = np.where(proto == one.AUTHENTICATION, (units + 2) * 4, (units + 1) * 8)
    piece = proto == one.FRAGMENT
    length[piece] = 8
    which = todo[piece]
    where = numbers(data, at[piece] + 2, SHORT)
    ip.fragment[which] = np.where(where >> 3, 2, np.where(where & 1, 1, 0))
    ip.ident[which] = np.where(ip.fragment[which], numbers(data, at[piece] + 4, WORD), 0)
    fits = length <= ip.rest[todo]
    todo, length, at = todo[fits], length[fits], at[fits]
    ip.proto[todo] = numbers(data, at, BYTE)
    ip.at[todo] += length
    ip.rest[todo] -= length
    ip.captured[todo] = np.maximum(ip.captured[todo] - length, 0)
    more = _EXTENSION[ip.proto[todo]] & (ip.captured[todo] >= 8) & (ip.fragment[todo] != 2)
    rest: Ints = todo[more]
    return rest


def _transport(data: Bytes, ip: _Ip) -> Rows:
    captured = ip.captured
    if ip.fragment.any():
        captured = np.where(ip.fragment == 2, 0, captured)
    header = gather(data, ip.at, _TRANSPORT)
    proto = ip.proto
    ports = _PORTS[proto] & (captured >= 4)
    source = np.where(ports, header["source"], 0).astype(np.uint16)
    destination = np.where(ports, header["destination"], 0).astype(np.uint16)
    tcp = (proto == 6) & (captured >= 20)
    length = np.where(tcp, (header["length"] >> 4 << 2).astype(np.int64), 0)
    length[length < 20] = 0
    length[(proto == 17) & (captured >= 8)] = 8
    icmp = np.flatnonzero(((proto == 1) | (proto == 58)) & (captured >= 8))
    if len(icmp):
        source[icmp], destination[icmp] = header["type"][icmp], header["code"][icmp]
        length[icmp] = 8
    length[length > ip.rest] = 0
    has = length > 0
    return Rows(
        packet=ip.found.packet,
        proto=proto,
        six=np.full(len(proto), ip.six),
        source_high=ip.source_high,
        source=ip.source,
        destination_high=ip.destination_high,
        destination=ip.destination,
        source_port=source,
        destination_port=destination,
        flags=np.where(tcp, header["flags"] & 0x3F, 0).astype(np.uint8),
        seq=np.where(tcp, header["seq"], 0).astype(np.uint32),
        ack=np.where(tcp, header["ack"], 0).astype(np.uint32),
        size=ip.size,
        payload=np.where(has, ip.at + length, 0),
        captured=np.where(has, np.maximum(captured - length, 0), 0),
        payload_size=np.where(has, ip.rest - length, 0),
        fragment=ip.fragment,
        ident=ip.ident,
        vlan=ip.found.vlan,
        place=ip.found.place,
    )
