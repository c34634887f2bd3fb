"""What must not happen: a datagram does not reach who can read it."""

from __future__ import annotations

import ssl

from msgspec.structs import replace

from collectors.network.model import ACK, PSH, Dns, Seen, Stream, Tls
from collectors.network.streams.streams import StreamReader
from tests.collectors.network.protocols import quic_client
from tests.collectors.network.protocols.handshakes import CONN, UDP_CONN, meeting
from tests.collectors.network.protocols.test_dns import answer, ask
from tests.collectors.network.protocols.test_quic_google import message

AT = 1_700_000_000_000_000_000


def told(port: int, *turns: tuple[bool, bytes]) -> list[Seen]:
    one = StreamReader()
    for way, data in turns:
        one.datagram(replace(UDP_CONN, server_port=port), way, data, AT)
    return one.drain()


def test_dns_is_read_on_its_ports() -> None:
    for port in (53, 5353, 5355, 137):
        found = told(port, (True, ask()), (False, answer()))
        assert any(isinstance(one, Dns) and one.answered for one in found)
        assert all(isinstance(one, Dns) for one in found)


def test_quic_is_read_on_any_port() -> None:
    hello = quic_client.initial(quic_client.crypto(0, quic_client.real_hello()))
    old = message(**{"SNI\0": b"portal.example.go.id"})
    for data in (hello, old):
        (one,) = told(4433, (True, data))
        assert isinstance(one, Tls)
        assert (one.sni, one.quic) == ("portal.example.go.id", True)


def test_anything_else_is_shown_as_it_is() -> None:
    (one,) = told(9999, (True, b"abc"), (False, b"def"))
    assert isinstance(one, Stream)


def test_tls_on_any_port_is_read_through_the_reassembler() -> None:
    one = StreamReader()
    conn = replace(CONN, server_port=8009)
    at = {True: 1000, False: 5000}
    for turn in meeting(ssl.TLSVersion.TLSv1_2):
        for begin in range(0, len(turn.data), 1400):
            piece = turn.data[begin : begin + 1400]
            one.segment(conn, turn.from_client, at[turn.from_client], ACK | PSH, piece, AT)
            at[turn.from_client] += len(piece)
    (found,) = one.drain()
    assert isinstance(found, Tls)
    assert (found.sni, found.subject) == ("portal.example.go.id", "portal.example.go.id")
