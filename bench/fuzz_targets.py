"""What `bench.fuzz` runs: parsers of the network, each with inputs to begin from.

One entry in ``TARGETS`` for each: a function over bytes that raises when something is wrong, and
one that makes valid inputs. `conversation` makes the first of any `model.Conversation`, `datagrams`
of any `protocols.Datagrams`; `script` writes the inputs that they read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from bench import fuzz_spoken
from collectors.network.dissect import sort
from collectors.network.model import TCP, UDP, Conn, Conversation
from collectors.network.protocols import (
    Datagrams,
    dns_message,
    quic_google,
    quic_packets,
    tls_fingerprint,
    tls_messages,
    x509,
)
from collectors.network.protocols.dns import DnsConversation, DnsDatagrams
from collectors.network.protocols.quic import QuicDatagrams
from collectors.network.protocols.tls import TlsConversation

_MOST_TOLD = 4096
"""Records told of one input; more would be a flood."""


class Target(NamedTuple):
    """One parser."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]


def script(turns: Iterable[tuple[bool, bytes]]) -> bytes:
    """Write down who sends what: a byte that tells the end, two of length, and the bytes."""
    return b"".join(
        bytes((1 - way,)) + len(piece).to_bytes(2, "big") + piece
        for way, data in turns
        for piece in (data[at : at + 65535] for at in range(0, len(data), 65535))
    )


def read_script(data: bytes) -> list[tuple[bool, bytes]]:
    """Return who sends what; the last piece may be short."""
    turns = []
    at = 0
    while at + 3 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 3], "big")
        turns.append((not data[at] & 1, data[at + 3 : at + 3 + size]))
        at += 3 + size
    return turns


def conn(port: int, proto: int = TCP) -> Conn:
    """Return a conversation with a server on *port*."""
    return Conn(
        key=1,
        proto=proto,
        client=bytes((10, 0, 0, 1)),
        client_port=40000,
        server=bytes((10, 0, 0, 2)),
        server_port=port,
    )


def conversation(make: Callable[[Conn], Conversation], port: int) -> Callable[[bytes], None]:
    """Return what plays a script to a conversation: as it stands, and in small pieces.

    Both have to tell as many records.
    """

    def played(turns: Iterable[tuple[bool, bytes]]) -> int:
        one = make(conn(port))
        count = 0
        for way, data in turns:
            count += len((one.client if way else one.server)(data, 1))
        return count + len(one.end(2))

    def run(data: bytes) -> None:
        turns = read_script(data)
        count = played(turns)
        size = 1 + len(data) % 61
        small = [
            (way, part[at : at + size]) for way, part in turns for at in range(0, len(part), size)
        ]
        assert count == played(small) <= _MOST_TOLD

    return run


def datagrams(make: Callable[[], Datagrams], port: int) -> Callable[[bytes], None]:
    """Return what plays a script to a reader of datagrams."""

    def run(data: bytes) -> None:
        one = make()
        count = 0
        for at, (way, payload) in enumerate(read_script(data)):
            count += len(one.datagram(conn(port, UDP), way, payload, at))
        count += len(one.expire(10**18)) + len(one.end(1, 2 * 10**18))
        assert count <= _MOST_TOLD

    return run


def _tls_messages(data: bytes) -> None:
    hello = tls_messages.client_hello(data)
    if hello:
        assert tls_fingerprint.ja3_text(hello).count(",") == 4
        assert len(tls_fingerprint.ja4(hello)) == 36
    tls_messages.server_hello(data)
    tls_messages.old_client_hello(data)
    tls_messages.old_server_hello(data)
    tls_messages.first_certificate(data)


def _certificate(data: bytes) -> None:
    found = x509.certificate(data)
    assert len(found.names) <= x509.MOST_NAMES
    assert abs(found.not_before) < 2**63
    assert abs(found.not_after) < 2**63


def _quic_packets(data: bytes) -> None:
    for packet in quic_packets.packets(data):
        assert packet.start < packet.end <= len(data)
    quic_packets.crypto(data)
    quic_google.hello(data)


def _dns(data: bytes) -> None:
    for netbios in (False, True):
        found = dns_message.parse(data, netbios=netbios)
        if found:
            assert len(found.answers) == len(found.types) <= dns_message.MOST_ANSWERS
            assert all(text.isascii() and text.isprintable() for text in found.answers)


def _handshakes() -> list[bytes]:
    import ssl

    from tests.collectors.network.protocols.handshakes import Ends, meeting

    versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    retried = Ends(versions[1])
    retried.server.set_ecdh_curve("secp521r1")
    return [*(script(meeting(version)) for version in versions), script(retried.meet()[0])]


def _hellos() -> list[bytes]:
    return [data[9:] for seed in _handshakes() for way, data in read_script(seed)[:2]]


def _certificates() -> list[bytes]:
    from tests.collectors.network.protocols.handshakes import signed

    return [signed(kind).der for kind in ("ec", "rsa", "ed25519")]


def _initials() -> list[bytes]:
    from tests.collectors.network.protocols import quic_client

    hello = quic_client.real_hello()
    whole = quic_client.initial(quic_client.crypto(0, hello), size=0)
    parts = [quic_client.initial(part) for part in quic_client.pieces(hello, [50, 200])]
    retry = quic_client.retry(b"12345678")
    return [script([(True, whole)]), script([(True, parts[0]), (False, retry), (True, parts[1])])]


def _dns_messages() -> list[bytes]:
    import struct

    question = struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + b"\3www\7example\2go\2id\0\0\1\0\1"
    record = b"\xc0\x0c\0\5\0\1\0\0\1\0\0\6\3web\xc0\x10" + b"\xc0\x2f\0\1\0\1\0\0\0\1\0\4\1\2\3\4"
    answer = struct.pack(">6H", 1, 0x8180, 1, 2, 0, 1) + question[12:] + record
    return [question, answer + b"\0\0\x29\4\xd0\0\0\0\0\0\0"]


def _framed() -> list[bytes]:
    question, answer = (len(one).to_bytes(2, "big") + one for one in _dns_messages())
    return [script([(True, question * 2), (False, answer * 2)])]


_LINKS = (sort.ETHERNET, sort.NULL, sort.RAW, sort.SLL, sort.SLL2, 9999)


def _sort(data: bytes) -> None:
    frame = data[1:]
    found = sort.sort(_LINKS[data[0] % len(_LINKS)] if data else 0, frame)
    assert 0 <= found.headers <= len(frame)


def _frames() -> list[bytes]:
    from tests.collectors.network.dissect import frames

    some = (frames.arp(), frames.dhcp(b"pc"), frames.echo(b"x"), frames.tcp(40_000, 445, b"y"))
    return [b"\0" + one for one in some] + [b"\2" + one[14:] for one in some[1:]]


def _spoken(name: str) -> Target:
    make, port = fuzz_spoken.PARSERS[name]
    return Target(
        conversation(fuzz_spoken.made(make), port),
        lambda: [script(says) for says in fuzz_spoken.said(name)],
    )


TARGETS = {
    "tls": Target(conversation(TlsConversation, 443), _handshakes),
    "tls_messages": Target(_tls_messages, _hellos),
    "x509": Target(_certificate, _certificates),
    "quic": Target(datagrams(QuicDatagrams, 443), _initials),
    "quic_packets": Target(_quic_packets, lambda: [seed[3:] for seed in _initials()]),
    "dns": Target(_dns, _dns_messages),
    "dns_udp": Target(
        datagrams(DnsDatagrams, 53), lambda: [script((False, one) for one in _dns_messages())]
    ),
    "dns_tcp": Target(conversation(DnsConversation, 53), _framed),
    "reassembly": Target(fuzz_spoken.half, fuzz_spoken.halves),
    "streams": Target(fuzz_spoken.reader, fuzz_spoken.readers),
    "dissect_sort": Target(_sort, _frames),
    **{name: _spoken(name) for name in fuzz_spoken.PARSERS},
}
