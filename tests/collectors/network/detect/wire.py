"""Packets of invented conversations, and what the sensor makes of them."""

from __future__ import annotations

import base64
import ipaddress
import itertools
import os
import random
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from collectors.network.block import Block
from collectors.network.detect.loss import CaptureStats
from collectors.network.detect.registry import Detectors
from collectors.network.engine import Engine
from collectors.network.model import ACK, FIN, PSH, RST, SYN, Finding
from collectors.network.pcap import CaptureError, read
from collectors.network.streams.streams import StreamReader
from tests.collectors.network.packets import ether, ip4, make_block, udp

SECOND = 1_000_000_000
BEGIN = 1_764_000_000 * SECOND
GET = (
    b"GET %s HTTP/1.1\r\nHost: kota.go.id\r\nUser-Agent: Mozilla/5.0 Firefox/130.0\r\n"
    b"Accept: */*\r\n\r\n"
)
PAGE = b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello"


def raw(address: str) -> bytes:
    """Return an address as in packets."""
    return ipaddress.ip_address(address).packed


class Wire:
    """Collects packets, in whatever order they are thought of. Times are seconds from the start."""

    def __init__(self, seed: int = 1) -> None:
        self.dice = random.Random(seed)
        self._packets: list[tuple[int, bytes]] = []
        self._ports = itertools.cycle(range(32768, 60999))

    def put(self, at: float, frame: bytes) -> None:
        """Add a frame."""
        self._packets.append((BEGIN + int(at * SECOND), frame))

    def probe(self, at: float, client: str, server: str, port: int, flags: int = SYN) -> None:
        """Add one segment that nobody answers."""
        head = struct.pack(">HHIIBBHHH", next(self._ports), port, 7, 0, 0x50, flags, 1024, 0, 0)
        self.put(at, ether(0x0800, ip4(6, head, source=raw(client), destination=raw(server))))

    def talk(
        self,
        at: float,
        client: str,
        server: str,
        port: int,
        turns: Sequence[tuple[bool, bytes]],
        *,
        refused: bool = False,
    ) -> None:
        """Add a TCP connection; *turns* are (from the client, bytes)."""
        ends = (raw(client), raw(server))
        ports = (next(self._ports), port)
        seqs = [self.dice.randrange(1 << 30), self.dice.randrange(1 << 30)]
        clock = itertools.count()

        def segment(side: int, flags: int, data: bytes = b"") -> None:
            head = struct.pack(
                ">HHIIBBHHH",
                *(ports[side], ports[1 - side], seqs[side]),
                seqs[1 - side] if flags & ACK else 0,
                *(0x50, flags, 64240, 0, 0),
            )
            packet = ip4(6, head + data, source=ends[side], destination=ends[1 - side])
            self.put(at + next(clock) * 0.01, ether(0x0800, packet))
            seqs[side] += len(data) + bool(flags & (SYN | FIN))

        segment(0, SYN)
        if refused:
            segment(1, RST | ACK)
            return
        segment(1, SYN | ACK)
        segment(0, ACK)
        for from_client, data in turns:
            for start in range(0, len(data), 1400):
                segment(not from_client, PSH | ACK, data[start : start + 1400])
            segment(from_client, ACK)
        segment(0, FIN | ACK)
        segment(1, FIN | ACK)
        segment(0, ACK)

    def ask(  # noqa: PLR0917
        self, at: float, client: str, server: str, port: int, sent: bytes, got: bytes = b""
    ) -> None:
        """Add a datagram and its answer."""
        source = next(self._ports)
        one = ip4(17, udp(source, port, sent), source=raw(client), destination=raw(server))
        self.put(at, ether(0x0800, one))
        if got:
            two = ip4(17, udp(port, source, got), source=raw(server), destination=raw(client))
            self.put(at + 0.02, ether(0x0800, two))

    def question(self, at: float, client: str, name: str, *, rcode: int = 0, kind: int = 1) -> None:
        """Add a DNS question to 10.1.1.1 and its answer."""
        ident = self.dice.randrange(65536)
        labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0"
        asked = labels + struct.pack(">HH", kind, 1)
        sent = struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 0) + asked
        answer = b"" if rcode else b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\x0a\1\1\x09"
        got = struct.pack(">HHHHHH", ident, 0x8180 | rcode, 1, not rcode, 0, 0) + asked + answer
        self.ask(at, client, "10.1.1.1", 53, sent, got)

    def ping(self, at: float, client: str, server: str, sent: bytes, got: bytes) -> None:
        """Add an echo request and a reply."""
        for kind, data, ends in ((8, sent, (client, server)), (0, got, (server, client))):
            head = struct.pack(">BBHHH", kind, 0, 0, 77, int(at) & 0xFFFF)
            packet = ip4(1, head + data, source=raw(ends[0]), destination=raw(ends[1]))
            self.put(at + (0.01 if kind == 0 else 0), ether(0x0800, packet))

    def claim(self, at: float, mac: bytes, address: str) -> None:
        """Add an ARP reply."""
        body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + mac + raw(address) + bytes(6)
        frame = b"\xff" * 6 + mac + b"\x08\x06" + body + raw("10.1.1.99")
        self.put(at, frame)

    def blocks(self, size: int = 4096) -> Iterator[Block]:
        """Yield all packets in the order of their times."""
        ordered = sorted(self._packets, key=lambda packet: packet[0])
        for start in range(0, len(ordered), size):
            part = ordered[start : start + size]
            times = np.array([at for at, _ in part], np.int64)
            yield make_block([frame for _, frame in part], time=times)


def judged(
    blocks: Iterator[Block], detectors: Detectors, local: Sequence[str] = ()
) -> list[Finding]:
    """Return what *detectors* find in packets, through flows and streams as the sensor has them."""
    ours = frozenset(map(raw, local))
    engine = Engine(StreamReader(), local=ours, seed=1, acknowledged=True)
    found: list[Finding] = []
    try:
        for block in blocks:
            engine.feed(block)
            found += detectors.many(engine.drain())
            for name, one in engine.acked().items():
                sums = {"acked": one.bytes, "unseen": one.unseen, "holes": one.holes}
                found += detectors.see(CaptureStats(at=int(block.time[-1]), interface=name, **sums))
    except CaptureError:
        pass  # what came before the fault counts
    engine.finish()
    found += detectors.many(engine.drain())
    return found + detectors.finish()


def captured(path: Path, detectors: Detectors) -> list[Finding]:
    """Return what *detectors* find in a capture file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return judged(read(descriptor), detectors)
    finally:
        os.close(descriptor)


def harmless(wire: Wire, hours: int) -> None:
    """Add clocks, checks, visitors, ping, updates and the questions of a mail server."""
    us, dice = "10.1.1.5", wire.dice
    for n in range(hours * 56):
        wire.ask(n * 64, us, "162.159.200.1", 123, b"\x23" + bytes(47), b"\x24" + bytes(47))
    for n in range(hours * 60):
        agent = [(True, b"ZBXD\1\x0b" + bytes(7) + b"agent.ping"), (False, b"ZBXD\1\1" + b"1")]
        wire.talk(n * 60, "10.1.1.50", us, 10050, agent)
        wire.ping(n * 60 + 7, "10.1.1.50", us, bytes(range(56)), bytes(range(56)))
    for n in range(hours * 40):
        client = f"203.0.113.{n % 200 + 20}"
        turns = [(True, GET % b"/berita/%d?s=rock+%%27n%%27+roll" % n), (False, PAGE % b"200 OK")]
        wire.talk(dice.uniform(0, hours * 3600), client, us, 80, turns)
    for n in range(hours * 6):
        turned = f"{n % 250}.{n % 7}.2.1"
        wire.question(n * 600, us, f"{turned}.zen.spamhaus.org", rcode=3)
        wire.question(n * 600, us, f"{turned}.in-addr.arpa", rcode=3, kind=12)
        wire.claim(n * 600, b"\2\0\0\0\0\1", "10.1.1.1")
    for n in range(40):
        turns = [(True, GET % b"/x.deb"), (False, bytes(9000))]
        wire.talk(3000 + n, us, "91.189.91.81", 80, turns)


def beacon(wire: Wire, hours: int, every: float = 60, peer: str = "198.51.100.7") -> None:
    """Add calls of ours, a fifth sooner or later than they should be."""
    at = 0.0
    while at < hours * 3600:
        wire.talk(at, "10.1.1.5", peer, 8443, [(True, bytes(200)), (False, bytes(100))])
        at += every * wire.dice.uniform(0.8, 1.2)


def dns_tunnel(wire: Wire, hours: int) -> None:
    """Add questions that carry one byte a second."""
    for n in range(hours * 225):
        code = base64.b32encode(wire.dice.randbytes(16)).decode().rstrip("=").lower()
        wire.question(n * 16, "10.1.1.5", f"{code}.t.sync.example")
