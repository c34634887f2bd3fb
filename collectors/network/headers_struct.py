"""Reads the headers of packets one by one: what is used where numpy is absent.

`headers` reads the same from many packets at once; tests hold both to the same answer. Rules both
keep: nothing past the captured length is believed; bytes are counted by the length in the IP header
(a frame put together by the receiver, GRO, counts as what it carries), which the wire length
bounds; checksums are not looked at, for outgoing packets have none yet. Formats: RFC 791, 8200,
9293, 768, 792, 4443, 2784 and 2890 (GRE), 2003 (IP in IP), 4213 (6in4), 2516 (PPPoE), 3032 (MPLS),
1661 (PPP), IEEE 802.1Q; https://www.tcpdump.org/linktypes.html.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from collectors.network.block import (
    ETHERNET,
    LOOP,
    NULL,
    PPP,
    PPP_HDLC,
    RAW,
    RAW_IP4,
    RAW_IP6,
    SLL,
    SLL2,
    Block,
)

IP4, IP6, ARP = 0x0800, 0x86DD, 0x0806
"""EtherTypes."""
TAGS = (0x8100, 0x88A8, 0x9100)
PPPOE, MPLS, BRIDGED = 0x8864, (0x8847, 0x8848), 0x6558
OTHER = 0
"""In place of an EtherType: what is not read."""
PPP_TYPES = {0x0021: IP4, 0x0057: IP6}
FAMILIES = {2: IP4, 10: IP6, 24: IP6, 28: IP6, 30: IP6}
"""AF_INET and what the systems call AF_INET6, in the header of BSD loopback."""
WRAPS = 8
"""Tags, labels and the like around an IP packet; also IPv6 extension headers."""
TUNNELS = 4
"""IP headers within one another."""
EXTENSIONS = (0, 43, 60, 135, 139, 140)
FRAGMENT, AUTHENTICATION = 44, 51
IPIP, SIX_IN_FOUR, GRE = 4, 41, 47
WITH_PORTS = (6, 17, 33, 132, 136)
ICMPS = (1, 58)
LOOPBACK = 772
"""ARPHRD_LOOPBACK."""
SENT = 4
"""PACKET_OUTGOING."""


class Row(NamedTuple):
    """What the headers of one packet say."""

    packet: int
    """Number in the block."""
    proto: int
    six: bool
    source: bytes
    destination: bytes
    source_port: int
    """For ICMP the type."""
    destination_port: int
    """For ICMP the code."""
    flags: int
    """The six of RFC 793."""
    seq: int
    ack: int
    size: int
    """IP bytes, headers included."""
    payload: int
    """Where what the transport carries begins in the block's data."""
    captured: int
    """Bytes of it that are there."""
    payload_size: int
    """Bytes of it on the wire."""
    fragment: int
    """0: whole; 1: the first piece; 2: a later one, which has no ports."""
    ident: int
    """Identification, where it is a fragment."""
    vlan: int
    place: int
    """Where a capture of all interfaces saw it: direction (SLL), interface (SLL2)."""


class Parsed(NamedTuple):
    """All that a block holds."""

    rows: list[Row]
    arp: list[tuple[int, int]]
    """Number of the packet and where its ARP header begins; 28 bytes are there."""
    other: int
    """Packets that are not IP."""
    malformed: int
    """Packets that say they are IP and cannot be."""
    echoes: int
    """Packets passed over: loopback shows each twice."""


class _At(NamedTuple):
    """A packet half unwrapped."""

    type: int
    at: int
    vlan: int
    place: int


class _Malformed(Exception):  # noqa: N818 - a fact about a packet
    pass


def parse(block: Block) -> Parsed:
    """Read the headers of all packets of *block*."""
    rows: list[Row] = []
    arp: list[tuple[int, int]] = []
    other = malformed = echoes = 0
    for number in range(len(block)):
        start = int(block.offset[number])
        end, wire = start + int(block.captured[number]), start + int(block.wire[number])
        sent = block.loopback and block.outgoing is not None and bool(block.outgoing[number])
        link = _link(block.data, block.link, start, end)
        if sent or link is None:
            echoes += 1
            continue
        if block.vlan is not None and block.vlan[number]:
            link = link._replace(vlan=int(block.vlan[number]))
        found = _unwrap(block.data, link, end)
        if found.type == ARP and end - found.at >= 28:
            arp.append((number, found.at))
        try:
            row = _packet(block.data, number, found, end, wire, TUNNELS)
        except _Malformed:
            malformed += 1
            continue
        if row is not None:
            rows.append(row)
        elif found.type != ARP or end - found.at < 28:
            other += 1
    return Parsed(rows, arp, other, malformed, echoes)


def _u16(data: memoryview, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def _link(data: memoryview, link: int, at: int, end: int) -> _At | None:
    """Read the header of the link; None for the second sight of a packet."""
    room = end - at
    kind, length, place = OTHER, 0, 0
    if link == ETHERNET and room >= 14:
        kind, length = _u16(data, at + 12), 14
    elif link in {RAW, RAW_IP4, RAW_IP6} and room >= 1:
        kind = {4: IP4, 6: IP6}.get(data[at] >> 4, OTHER)
    elif link in {NULL, LOOP} and room >= 4:
        family = struct.unpack_from("<I", data, at)[0]
        if family > 0xFFFF:
            family = struct.unpack_from(">I", data, at)[0]
        kind, length = FAMILIES.get(family, OTHER), 4
    elif link == SLL and room >= 16:
        kind, length, place = _u16(data, at + 14), 16, _u16(data, at)
        if place == SENT and _u16(data, at + 2) == LOOPBACK:
            return None
    elif link == SLL2 and room >= 20:
        kind, length = _u16(data, at), 20
        place = struct.unpack_from(">I", data, at + 4)[0]
        if data[at + 10] == SENT and _u16(data, at + 8) == LOOPBACK:
            return None
    elif link in {PPP, PPP_HDLC} and room >= 4:
        length = 4 if data[at] == 0xFF else 2
        kind = PPP_TYPES.get(_u16(data, at + length - 2), OTHER)
    return _At(kind, at + length, 0, place)


def _unwrap(data: memoryview, found: _At, end: int) -> _At:
    """Take off what stands between the link and the IP header."""
    for _ in range(WRAPS):
        kind, at, vlan, place = found
        room = end - at
        if kind in TAGS and room >= 4:
            tag = _u16(data, at) & 0xFFF
            found = _At(_u16(data, at + 2), at + 4, vlan or tag, place)
        elif kind == PPPOE and room >= 8:
            found = _At(PPP_TYPES.get(_u16(data, at + 6), OTHER), at + 8, vlan, place)
        elif kind in MPLS and room >= 5:
            last = data[at + 2] & 1
            if last:
                kind = {4: IP4, 6: IP6}.get(data[at + 4] >> 4, OTHER)
            found = _At(kind, at + 4, vlan, place)
        elif kind == BRIDGED and room >= 14:
            found = _At(_u16(data, at + 12), at + 14, vlan, place)
        else:
            break
    return found


class _Ip(NamedTuple):
    """An IP header, and how far what it carries reaches."""

    proto: int
    source: bytes
    destination: bytes
    size: int
    at: int
    """Where the transport begins."""
    captured: int
    """Bytes from there that are in memory and belong to the packet."""
    rest: int
    """Bytes from there on the wire."""
    fragment: int
    ident: int


def _packet(  # noqa: PLR0917 - where a packet lies
    data: memoryview, number: int, found: _At, end: int, wire: int, depth: int
) -> Row | None:
    """Return the row of the innermost packet that can be read; None where it is not IP."""
    if found.type == IP4:
        ip = _ip4(data, found.at, end, wire)
    elif found.type == IP6:
        ip = _ip6(data, found.at, end, wire)
    else:
        return None
    inner = _tunnelled(data, ip, found) if depth else None
    if inner is not None:
        limit = ip.at + ip.captured
        inner = _unwrap(data, inner, limit)
        row = None
        try:
            row = _packet(data, number, inner, limit, ip.at + ip.rest, depth - 1)
        except _Malformed:
            row = None
        if row is not None:
            return row
    return _transport(data, number, found, ip)


def _ip4(data: memoryview, at: int, end: int, wire: int) -> _Ip:
    room = end - at
    if room < 20 or data[at] >> 4 != 4:
        raise _Malformed
    header = (data[at] & 15) << 2
    total, ident, fragment = struct.unpack_from(">HHH", data, at + 2)
    size = min(total or wire - at, wire - at)
    if header < 20 or size < header:
        raise _Malformed
    captured = max(min(room, size) - header, 0)
    piece = 2 if fragment & 0x1FFF else 1 if fragment & 0x2000 else 0
    source, destination = bytes(data[at + 12 : at + 16]), bytes(data[at + 16 : at + 20])
    return _Ip(
        data[at + 9],
        source,
        destination,
        size,
        at + header,
        captured,
        size - header,
        piece,
        ident if piece else 0,
    )


def _ip6(data: memoryview, at: int, end: int, wire: int) -> _Ip:
    room = end - at
    if room < 40 or data[at] >> 4 != 6:
        raise _Malformed
    length = _u16(data, at + 4)
    size = min(40 + length if length else wire - at, wire - at)
    proto, start = data[at + 6], at + 40
    captured, rest, piece, ident = min(room, size) - 40, size - 40, 0, 0
    for _ in range(WRAPS):
        if captured < 8 or proto not in (*EXTENSIONS, FRAGMENT, AUTHENTICATION):
            break
        length = (data[start + 1] + 1) * 8
        if proto == FRAGMENT:
            where, ident = struct.unpack_from(">HI", data, start + 2)
            piece, length = 2 if where >> 3 else 1 if where & 1 else 0, 8
            ident = ident if piece else 0
        elif proto == AUTHENTICATION:
            length = (data[start + 1] + 2) * 4
        if length > rest:
            break
        proto = data[start]
        start, rest, captured = start + length, rest - length, max(captured - length, 0)
        if piece == 2:
            break
    source, destination = bytes(data[at + 8 : at + 24]), bytes(data[at + 24 : at + 40])
    return _Ip(proto, source, destination, size, start, captured, rest, piece, ident)


def _tunnelled(data: memoryview, ip: _Ip, outer: _At) -> _At | None:
    """Return what the packet carries, where that is a packet."""
    if ip.fragment == 2:
        return None
    kind, at = OTHER, ip.at
    if ip.proto == IPIP:
        kind = IP4
    elif ip.proto == SIX_IN_FOUR:
        kind = IP6
    elif ip.proto == GRE and ip.captured >= 4:
        bits = _u16(data, at)
        # Version 0, no source routes (RFC 2784 2.3).
        if not bits & 0x4007:
            kind = _u16(data, at + 2)
            at += 4 + 4 * (bits >> 15 & 1) + 4 * (bits >> 13 & 1) + 4 * (bits >> 12 & 1)
    return _At(kind, at, outer.vlan, outer.place) if kind else None


def _transport(data: memoryview, number: int, found: _At, ip: _Ip) -> Row:
    at, captured = ip.at, ip.captured if ip.fragment != 2 else 0
    ports, flags, seq, ack, header = (0, 0), 0, 0, 0, 0
    if ip.proto in WITH_PORTS and captured >= 4:
        ports = (_u16(data, at), _u16(data, at + 2))
    if ip.proto == 6 and captured >= 20:
        seq, ack = struct.unpack_from(">II", data, at + 4)
        flags, header = data[at + 13] & 0x3F, data[at + 12] >> 4 << 2
        header = header if header >= 20 else 0
    elif ip.proto == 17 and captured >= 8:
        header = 8
    elif ip.proto in ICMPS and captured >= 8:
        ports, header = (data[at], data[at + 1]), 8
    if header > ip.rest:
        header = 0
    return Row(
        packet=number,
        proto=ip.proto,
        six=len(ip.source) == 16,
        source=ip.source,
        destination=ip.destination,
        source_port=ports[0],
        destination_port=ports[1],
        flags=flags,
        seq=seq,
        ack=ack,
        size=ip.size,
        payload=at + header if header else 0,
        captured=max(captured - header, 0) if header else 0,
        payload_size=ip.rest - header if header else 0,
        fragment=ip.fragment,
        ident=ip.ident,
        vlan=found.vlan,
        place=found.place,
    )
