"""Made-up traffic in a file: ``python -P -m bench.network_capture FILE [PACKETS] [SEED]``.

What a server in an office sees: web pages and TLS, long transfers, database and mail, DNS, a little
ICMP and UDP streams, some of it on VLANs and over IPv6; hundreds of conversations at the same
time, their packets interleaved. The same seed writes the same file.
"""

from __future__ import annotations

import random
import struct
import sys
from collections.abc import Callable, Iterator

FIN, SYN, PSH, ACK = 1, 2, 8, 16
START = 1_700_000_000
Timed = tuple[float, bytes]


class Ends:
    """Two ends and what their packets look like on the wire."""

    def __init__(self, rng: random.Random, server: bytes = b"") -> None:
        """*server*: an IPv4 address, without a tag, instead of one that is drawn."""
        self._six = rng.random() < 0.12 and not server
        vlan = rng.random() < 0.15 and not server
        size = 16 if self._six else 4
        net = bytes([0x20, 1, 0xD, 0xB8]) + bytes(8) if self._six else b"\x0a"
        self._client = net + rng.randbytes(size - len(net))
        drawn = net + bytes(size - len(net) - 1) + bytes([rng.randrange(1, 60)])
        self._server = server or drawn
        kind = 0x86DD if self._six else 0x0800
        self._type = struct.pack(">HHH", 0x8100, rng.randrange(2, 9), kind)[0 if vlan else 4 :]
        self._ident = rng.randrange(65536)

    def frame(self, proto: int, out: bool, body: bytes) -> bytes:
        """Return *body* from the client (*out*) or from the server."""
        source, destination = self._client, self._server
        macs = b"\2\0\0\0\0\1\2\0\0\0\0\2"
        if not out:
            source, destination = destination, source
            macs = macs[6:] + macs[:6]
        if self._six:
            head = struct.pack(">IHBB", 6 << 28, len(body), proto, 64)
        else:
            self._ident = self._ident + 1 & 0xFFFF
            head = struct.pack(
                ">BBHHHBBH", 0x45, 0, 20 + len(body), self._ident, 0x4000, 64, proto, 0
            )
        return (macs + self._type + head + source + destination + body).ljust(60, b"\0")


def tcp(
    rng: random.Random, port: int, turns: list[tuple[bool, bytes | int]], server: bytes = b""
) -> Iterator[Timed]:
    """Yield a connection: what either end says in turn; a number is that many bytes of bulk."""
    ends, client_port = Ends(rng, server), rng.randrange(1024, 65536)
    seqs = {True: rng.randrange(1 << 32), False: rng.randrange(1 << 32)}
    time = 0.0

    def segment(out: bool, flags: int, data: bytes = b"") -> bytes:
        ports = (client_port, port) if out else (port, client_port)
        options = b"\1\1\x08\x0a" + bytes(8)
        head = struct.pack(">HHIIBBHHH", *ports, seqs[out], seqs[not out], 0x80, flags, 501, 0, 0)
        step = len(data) + (1 if flags & (SYN | FIN) else 0)
        seqs[out] = seqs[out] + step & 0xFFFFFFFF
        return ends.frame(6, out, head + options + data)

    for out, flags in ((True, SYN), (False, SYN | ACK), (True, ACK)):
        yield time, segment(out, flags)
        time += rng.expovariate(200)
    for out, what in turns:
        data = what if isinstance(what, bytes) else rng.randbytes(1448) * (what // 1448 + 1)
        for count, at in enumerate(range(0, len(data), 1448)):
            yield time, segment(out, PSH | ACK, data[at : at + 1448])
            time += rng.expovariate(400)
            if count % 2:
                yield time, segment(not out, ACK)
        yield time, segment(not out, ACK)
        time += rng.expovariate(3)
    for out, flags in ((True, FIN | ACK), (False, FIN | ACK), (True, ACK)):
        yield time, segment(out, flags)
        time += rng.expovariate(200)


def name(rng: random.Random) -> bytes:
    """Return a host name."""
    return b"host%d.example%d.test" % (rng.randrange(400), rng.randrange(40))


def web(rng: random.Random) -> Iterator[Timed]:
    """Yield some requests of HTTP over one connection."""
    turns: list[tuple[bool, bytes | int]] = []
    for _ in range(rng.randrange(1, 6)):
        path = b"/page/%d?q=%d" % (rng.randrange(900), rng.randrange(10**6))
        ask = b"GET " + path + b" HTTP/1.1\r\nHost: " + name(rng) + b"\r\nAccept: */*\r\n\r\n"
        size = int(rng.paretovariate(1.1) * 1500) % 400_000
        reply = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % size
        turns += [(True, ask), (False, reply + bytes(size))]
    return tcp(rng, rng.choice([80, 80, 8080]), turns)


def hello(host: bytes) -> bytes:
    """Return a ClientHello with a server name (RFC 8446 4.1.2, RFC 6066 3)."""
    entry = b"\0" + struct.pack(">H", len(host)) + host
    body = struct.pack(">H", len(entry)) + entry
    extensions = struct.pack(">HH", 0, len(body)) + body + bytes.fromhex("000a00040002001d")
    ciphers = bytes.fromhex("130113021303c02bc02f")
    hello = b"\3\3" + bytes(32) + b"\0" + struct.pack(">H", len(ciphers)) + ciphers + b"\1\0"
    hello += struct.pack(">H", len(extensions)) + extensions
    shake = b"\1" + struct.pack(">I", len(hello))[1:] + hello
    return b"\x16\3\1" + struct.pack(">H", len(shake)) + shake


def tls(rng: random.Random) -> Iterator[Timed]:
    """Yield a TLS connection; what is encrypted is random."""
    reply = b"\x16\3\3\0\x5a\2\0\0\x56\3\3" + rng.randbytes(32) + b"\0\x13\1\0" + bytes(46)
    turns: list[tuple[bool, bytes | int]] = [(True, hello(name(rng))), (False, reply)]
    for _ in range(rng.randrange(1, 8)):
        ask = rng.randbytes(rng.randrange(60, 900))
        turns += [
            (True, b"\x17\3\3" + struct.pack(">H", len(ask)) + ask),
            (False, int(rng.paretovariate(1.1) * 2000) % 500_000),
        ]
    return tcp(rng, 443, turns)


def bulk(rng: random.Random) -> Iterator[Timed]:
    """Yield a backup or a large download."""
    port = rng.choice([22, 443, 873, 5432])
    return tcp(rng, port, [(True, b"start"), (rng.random() < 0.5, rng.randrange(10**6, 4 * 10**6))])


def small(rng: random.Random) -> Iterator[Timed]:
    """Yield a chat in small messages: databases, caches, mail."""
    turns: list[tuple[bool, bytes | int]] = []
    for _ in range(rng.randrange(2, 30)):
        turns.append((True, rng.randbytes(rng.randrange(8, 200))))
        turns.append((False, rng.randbytes(rng.randrange(8, 1400))))
    return tcp(rng, rng.choice([3306, 5432, 6379, 25, 389]), turns)


def udp(port: int, client_port: int, out: bool, data: bytes) -> bytes:
    """Return a datagram without its IP header."""
    ports = (client_port, port) if out else (port, client_port)
    return struct.pack(">HHHH", *ports, 8 + len(data), 0) + data


def dns(rng: random.Random) -> Iterator[Timed]:
    """Yield a question and its answer."""
    ends, port = Ends(rng), rng.randrange(1024, 65536)
    labels = b"".join(bytes([len(each)]) + each for each in name(rng).split(b".")) + b"\0"
    ident, question = rng.randbytes(2), labels + b"\0\1\0\1"
    answer = b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xcb\0\x71\5"
    counts = (b"\1\0\0\1\0\0\0\0\0\0", b"\x81\x80\0\1\0\1\0\0\0\0")
    yield 0.0, ends.frame(17, True, udp(53, port, True, ident + counts[0] + question))
    reply = ident + counts[1] + question + answer
    yield rng.expovariate(100), ends.frame(17, False, udp(53, port, False, reply))


def media(rng: random.Random) -> Iterator[Timed]:
    """Yield a stream of datagrams."""
    ends, port = Ends(rng), rng.randrange(1024, 65536)
    server, time = rng.choice([123, 443, 5004, 27015]), 0.0
    for _ in range(rng.randrange(2, 300)):
        out = rng.random() < 0.3
        data = b"\x40" + rng.randbytes(rng.randrange(60, 1200))
        yield time, ends.frame(17, out, udp(server, port, out, data))
        time += rng.expovariate(200)


def ping(rng: random.Random) -> Iterator[Timed]:
    """Yield echo requests and replies."""
    ends, ident = Ends(rng), rng.randbytes(2)
    kinds = (b"\x80\0", b"\x81\0") if len(ends._client) == 16 else (b"\x08\0", b"\0\0")
    proto = 58 if len(ends._client) == 16 else 1
    for count in range(rng.randrange(1, 12)):
        body = b"\0\0" + ident + struct.pack(">H", count) + bytes(range(56))
        yield float(count), ends.frame(proto, True, kinds[0] + body)
        yield count + 0.01, ends.frame(proto, False, kinds[1] + body)


KINDS: list[tuple[Callable[[random.Random], Iterator[Timed]], float]] = [
    (web, 20),
    (tls, 30),
    (bulk, 0.8),
    (small, 12),
    (dns, 40),
    (media, 3),
    (ping, 2),
]


def packets(count: int, seed: int) -> list[Timed]:
    """Return *count* packets in the order of time."""
    rng = random.Random(seed)
    made: list[Timed] = []
    kinds, weights = zip(*KINDS, strict=True)
    while len(made) < count * 1.02:
        (kind,) = rng.choices(kinds, weights)
        begin = rng.uniform(0, 120)
        made += [(begin + time, frame) for time, frame in kind(rng)]
    made.sort(key=lambda each: each[0])
    return made[:count]


def write(path: str, count: int = 270_000, seed: int = 1) -> None:
    """Write the capture to *path*."""
    save(path, packets(count, seed))


def save(path: str, made: list[Timed]) -> None:
    """Write packets to *path*."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for time, frame in made:
            seconds = START + int(time)
            size = len(frame)
            file.write(struct.pack("<IIII", seconds, int(time % 1 * 1e6), size, size) + frame)


if __name__ == "__main__":
    write(sys.argv[1], *(int(each) for each in sys.argv[2:]))
