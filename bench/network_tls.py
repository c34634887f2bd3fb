"""What a ClientHello costs, from the bytes of its record to JA3 and JA4, beside scapy's dissection.

``python -m bench.network_tls [SECONDS]``: both read the same hellos in turns, in one process; CPU
time of each counts. The hellos are those of this host's OpenSSL, of a browser's form (sixteen
ciphers, GREASE, a post-quantum key share, extensions in 64 orders), and short ones of old. scapy
names no JA3 or JA4, so it stops where the fields stand. Texts of lists that come again are kept by
the parser, as from real clients they do; the first figure is without that. The whole conversation
is measured too: client, server, certificate.
"""

from __future__ import annotations

import os
import random
import ssl
import sys
import time
from collections.abc import Callable
from typing import Any

from collectors.network.protocols import aes, dns_message, quic, tls_fingerprint, tls_messages
from collectors.network.protocols.tls import TlsConversation
from tests.collectors.network.protocols import quic_client
from tests.collectors.network.protocols.handshakes import (
    CONN,
    UDP_CONN,
    hello,
    in_record,
    meeting,
    message,
    sized,
    words,
)

_SLICE = 0.2
"""CPU seconds that one has before it is the other's turn."""


def browser() -> bytes:
    """Return a hello as browsers send it: GREASE, many extensions, a key share of 1.2 KB."""
    ciphers: tuple[int, ...] = (
        0x2A2A,
        0x1301,
        0x1302,
        0x1303,
        0xC02B,
        0xC02F,
        0xC02C,
        0xC030,
        0xCCA9,
        0xCCA8,
    )
    ciphers += (0xC013, 0xC014, 0x9C, 0x9D, 0x2F, 0x35)
    shares = words((0x3A3A, 1)) + b"\0" + words((4588, 1216)) + os.urandom(1216)
    shares += words((29, 32)) + os.urandom(32)
    algorithms = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)
    extensions = [
        (0x1A1A, b""),
        (0, sized(b"\0" + sized(b"layanan.example.go.id"))),
        (23, b""),
        (0xFF01, b"\0"),
        (10, sized(words((0x3A3A, 4588, 29, 23, 24)))),
        (11, sized(b"\0", 1)),
        (35, b""),
        (16, sized(sized(b"h2", 1) + sized(b"http/1.1", 1))),
        (5, b"\1\0\0\0\0"),
        (13, sized(words(algorithms))),
        (18, b""),
        (51, sized(shares)),
        (45, sized(b"\1", 1)),
        (43, sized(words((0x5A5A, 0x0304, 0x0303)), 1)),
        (0xFAFA, b"\0"),
    ]
    random.shuffle(extensions)
    return in_record(message(1, hello(0x0303, ciphers, extensions)))


def hellos() -> list[bytes]:
    """Return the hellos that both are to read."""
    old = in_record(message(1, hello(0x0301, (47, 53, 5, 10), [(0, b""), (11, b"\1\0")])))
    versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    same = [*(meeting(version)[0].data for version in versions), old]
    return [one for _ in range(64) for one in (*same, browser())]


def ours(data: bytes) -> None:
    """Read a hello and name it."""
    found = tls_messages.client_hello(data[9:])
    if found is None:
        raise ValueError("a hello was not read")
    tls_fingerprint.md5(tls_fingerprint.ja3_text(found))
    tls_fingerprint.ja4(found)


def ours_anew(data: bytes) -> None:
    """Read a hello as if nothing like it had been seen before."""
    for forget in tls_fingerprint.KEEPERS:
        forget()
    ours(data)


def scapys() -> Callable[[bytes], None]:
    """Return scapy's dissection of a record, down to the fields that the names are made of."""
    import importlib

    record: Any = importlib.import_module("scapy.layers.tls.record")

    def read(data: bytes) -> None:
        found = record.TLS(data).msg[0]
        if not found.ciphers or found.ext is None:
            raise ValueError("a hello was not read")

    return read


def conversation(version: ssl.TLSVersion) -> None:
    """Read a handshake as it would come, both ends."""
    one = TlsConversation(CONN)
    for turn in meeting(version):
        (one.client if turn.from_client else one.server)(turn.data, 0)
    one.end(0)


def cost(work: Callable[[], object], seconds: float) -> tuple[int, float]:
    """Return how often *work* was done in about *seconds* of CPU, and in how much exactly."""
    begin = time.process_time()
    count = 0
    while (spent := time.process_time() - begin) < seconds:
        work()
        count += 1
    return count, spent


def compared(seconds: float) -> dict[str, float]:
    """Return microseconds for each hello of both, taken in turns."""
    read = scapys()
    ways: dict[str, Callable[[bytes], None]] = {"anew": ours_anew, "ronda": ours, "scapy": read}
    spent, done = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0)
    samples = hellos()

    def all_of(way: Callable[[bytes], None]) -> None:
        for sample in samples:
            way(sample)

    while min(spent.values()) < seconds:
        for name, way in ways.items():
            count, took = cost(lambda way=way: all_of(way), _SLICE)  # type: ignore[misc]
            done[name] += count * len(samples)
            spent[name] += took
    return {name: spent[name] / done[name] * 1e6 for name in ways}


def main() -> int:
    """Print microseconds and the ratio."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    found = compared(seconds)
    for name, text in (("anew", "never seen before"), ("ronda", "of known clients")):
        print(
            f"ClientHello to JA3 and JA4, {text}: {found[name]:.1f} us; scapy to fields: ", end=""
        )
        print(f"{found['scapy']:.0f} us; {found['scapy'] / found[name]:.0f} times less")
    quics = quic_client.initial(quic_client.crypto(0, quic_client.real_hello()))
    schedule = aes.expand(bytes(16))
    answer = bytes.fromhex(
        "1234818000010002000000000377777707657861"
        + "6d706c6502676f0269640000010001c00c000500010000012c0006037765620ac010"[:-6]
        + "c010"
        "c00c000100010000003c00040a010203"
    )
    others: dict[str, Callable[[], object]] = {
        "handshake of 1.2 with its certificate": lambda: conversation(ssl.TLSVersion.TLSv1_2),
        "handshake of 1.3": lambda: conversation(ssl.TLSVersion.TLSv1_3),
        "QUIC Initial to JA4": lambda: quic.QuicDatagrams().datagram(UDP_CONN, True, quics, 0),
        "AES of 1,200 bytes": lambda: aes.counter(schedule, bytes(12), quics[:1200]),
        "DNS answer": lambda: dns_message.parse(answer),
    }
    for name, work in others.items():
        count, spent = cost(work, _SLICE)
        print(f"{name}: {spent / count * 1e6:.1f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
