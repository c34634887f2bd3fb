"""Random packets, odd ones among them, and blocks of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from collectors.network import block as links
from collectors.network.block import Block

LINKS = (
    links.ETHERNET,
    links.RAW,
    links.NULL,
    links.LOOP,
    links.SLL,
    links.SLL2,
    links.PPP,
    links.PPP_HDLC,
    links.RAW_IP4,
    77,
)


def make_block(packets: Sequence[bytes], *, link: int = links.ETHERNET, **more: object) -> Block:
    """Return *packets* as one block, tightly packed, so that what is read past one shows."""
    lengths = np.array([len(each) for each in packets], np.int64)
    given = {
        "data": memoryview(b"".join(packets)),
        "offset": np.cumsum(lengths) - lengths,
        "captured": lengths,
        "wire": lengths,
        "time": np.arange(len(packets), dtype=np.int64),
        "link": link,
    }
    return Block(**(given | more))  # type: ignore[arg-type]


def tcp(  # noqa: PLR0917 - the header of a segment
    source: int = 1,
    destination: int = 2,
    flags: int = 16,
    data: bytes = b"",
    seq: int = 7,
    ack: int = 9,
) -> bytes:
    """Return a TCP segment."""
    return struct.pack(">HHIIBBHHH", source, destination, seq, ack, 0x50, flags, 0, 0, 0) + data


def udp(source: int = 1, destination: int = 2, data: bytes = b"") -> bytes:
    """Return a UDP datagram."""
    return struct.pack(">HHHH", source, destination, 8 + len(data), 0) + data


def ip4(
    proto: int,
    data: bytes,
    *,
    source: bytes = b"\x0a\0\0\1",
    destination: bytes = b"\x0a\0\0\2",
    options: bytes = b"",
    total: int | None = None,
    fragment: int = 0,
    ident: int = 5,
) -> bytes:
    """Return an IPv4 packet."""
    length = 20 + len(options)
    total = length + len(data) if total is None else total
    head = struct.pack(
        ">BBHHHBBH", 0x40 | length >> 2, 0, total & 0xFFFF, ident, fragment, 64, proto, 0
    )
    return head + source + destination + options + data


def ip6(
    proto: int, data: bytes, *, source: bytes = b"\xfd" * 16, destination: bytes = b"\xfe" * 16
) -> bytes:
    """Return an IPv6 packet."""
    return (
        struct.pack(">IHBB", 6 << 28, len(data) & 0xFFFF, proto, 64) + source + destination + data
    )


def ether(kind: int, data: bytes) -> bytes:
    """Return an Ethernet frame."""
    return b"\2\0\0\0\0\1\2\0\0\0\0\2" + struct.pack(">H", kind) + data


def on_link(link: int, data: bytes, kind: int) -> bytes:
    """Return *data* of EtherType *kind* as a packet of *link*."""
    ppp = b"\0\x21" if kind == 0x0800 else b"\0\x57"
    return {
        links.ETHERNET: lambda: ether(kind, data),
        links.SLL: lambda: struct.pack(">HHH8xH", 4, 1, 6, kind) + data,
        links.SLL2: lambda: struct.pack(">HHIHBB8x", kind, 0, 3, 1, 0, 6) + data,
        links.NULL: lambda: struct.pack("<I", 2 if kind == 0x0800 else 10) + data,
        links.LOOP: lambda: struct.pack(">I", 2 if kind == 0x0800 else 30) + data,
        links.PPP: lambda: ppp + data,
        links.PPP_HDLC: lambda: b"\xff\3" + ppp + data,
    }.get(link, lambda: data)()


def v4_of(kind: int) -> bool:
    """Return whether an EtherType is that of IPv4."""
    return kind == 0x0800


@st.composite
def transports(draw: st.DrawFn) -> tuple[int, bytes]:
    """IP protocol and what stands behind the IP header."""
    proto = draw(st.sampled_from([6, 6, 17, 17, 1, 58, 132, 47, 4, 41, 50, 0, 44, 60, 51]))
    ports = draw(st.tuples(st.integers(0, 65535), st.integers(0, 65535)))
    data = draw(st.binary(max_size=30))
    if proto == 6:
        return proto, tcp(*ports, draw(st.integers(0, 255)), data)
    if proto == 17:
        return proto, udp(*ports, data)
    if proto == 44:
        first = struct.pack(">BBHI", 17, 0, draw(st.sampled_from([0, 1, 8, 9])), 77)
        return proto, first + udp(*ports, data)
    if proto in {0, 60}:
        return proto, bytes([draw(st.sampled_from([6, 17, 44])), 0]) + bytes(6) + tcp(*ports)
    if proto == 51:
        return proto, bytes([6, 4]) + bytes(22) + tcp(*ports)
    return proto, data


@st.composite
def datagrams(draw: st.DrawFn, depth: int = 3) -> tuple[int, bytes]:
    """EtherType and packet, with tunnels and tags around it."""
    kind = draw(st.sampled_from([0x0800, 0x86DD]))
    proto, data = draw(transports())
    if draw(st.booleans()) and depth:
        inner, packet = draw(datagrams(depth - 1))
        bits = draw(st.sampled_from([0, 0x8000, 0x2000, 0xB000, 0x4000, 1]))
        extra = bytes(4 * (bits >> 15) + 4 * (bits >> 13 & 1) + 4 * (bits >> 12 & 1))
        proto, data = draw(
            st.sampled_from(
                [
                    (4 if v4_of(inner) else 41, packet),
                    (47, struct.pack(">HH", bits, inner) + extra + packet),
                    (47, struct.pack(">HH", bits, 0x6558) + extra + ether(inner, packet)),
                ]
            )
        )
    if kind == 0x0800:
        packet = ip4(
            proto,
            data,
            options=bytes(draw(st.sampled_from([0, 0, 4, 40]))),
            fragment=draw(st.sampled_from([0, 0, 0x4000, 0x2000, 0x2010, 5])),
            total=draw(st.sampled_from([None, None, None, 0, 24, 65535])),
        )
    else:
        packet = ip6(proto, data)
    wrap = draw(st.integers(0, 8))
    if wrap == 1:
        return 0x8100, struct.pack(">HH", 0xE005, kind) + packet
    if wrap == 2:
        return 0x88A8, struct.pack(">HHHH", 3, 0x8100, 4, kind) + packet
    if wrap == 3:
        return 0x8864, bytes(6) + (b"\0\x21" if kind == 0x0800 else b"\0\x57") + packet
    if wrap == 4:
        return 0x8847, b"\0\0\0\x40\0\0\1\x40" + packet
    if wrap == 5:
        return 0x0806, packet
    return kind, packet


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    """A block of packets, some of them cut off, some with bytes changed."""
    link = draw(st.sampled_from(LINKS))
    packets: list[bytes] = []
    longer: list[int] = []
    for _ in range(draw(st.integers(0, 6))):
        kind, data = draw(datagrams())
        packet = bytearray(on_link(link, data, kind))
        for _ in range(draw(st.sampled_from([0, 0, 1, 4]))):
            if packet:
                packet[draw(st.integers(0, len(packet) - 1))] = draw(st.integers(0, 255))
        cut = draw(st.one_of(st.just(len(packet)), st.integers(0, len(packet))))
        packets.append(bytes(packet[:cut]))
        longer.append(draw(st.sampled_from([0, 0, 3, 100_000])) + len(packet) - cut)
    block = make_block(packets, link=link)
    wire = block.captured + np.array(longer, np.int64)
    more = {}
    if draw(st.booleans()):
        flags = [draw(st.booleans()) for _ in packets]
        more = {"loopback": draw(st.booleans()), "outgoing": np.array(flags, bool)}
    if draw(st.booleans()):
        tags = [draw(st.sampled_from([0, 9])) for _ in packets]
        more |= {"vlan": np.array(tags, np.int64)}
    return make_block(packets, link=link, wire=wire, **more)
