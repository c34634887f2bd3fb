"""What must not happen: a hello is missed, told twice, or a flood costs more than is set apart."""

from __future__ import annotations

import random
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from collectors.network.model import Tls
from collectors.network.protocols import tls_fingerprint, tls_messages
from collectors.network.protocols.quic import QuicDatagrams, looks_like
from tests.collectors.network.protocols import quic_client
from tests.collectors.network.protocols.handshakes import UDP_CONN
from tests.collectors.network.protocols.quic_client import crypto, initial, pieces, real_hello

SECOND = 1_000_000_000
AT = 1_700_000_000 * SECOND


def read(one: QuicDatagrams, data: bytes, at: int = AT, *, from_client: bool = True) -> list[Tls]:
    return cast("list[Tls]", one.datagram(UDP_CONN, from_client, data, at))


@pytest.mark.parametrize("version", sorted(quic_client.SALTS))
def test_a_hello_in_one_packet(version: int) -> None:
    one = QuicDatagrams()
    data = initial(crypto(0, real_hello()), version=version)
    assert looks_like(data)
    (told,) = read(one, data)
    expected = tls_messages.client_hello(real_hello()[4:])
    assert expected is not None
    assert told.quic
    assert (told.sni, told.version, told.at) == ("portal.example.go.id", "1.3", AT)
    assert told.alpn == ("h2", "http/1.1")
    assert told.ja4 == tls_fingerprint.ja4(expected, "q")
    assert told.ja4.startswith("q13d")
    assert told.ja3 == tls_fingerprint.md5(tls_fingerprint.ja3_text(expected))
    assert read(one, data) == []  # sent again


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, len(real_hello()) - 1), max_size=8, unique=True),
    st.randoms(use_true_random=False),
    st.integers(1, 3),
)
def test_pieces_in_any_order_over_many_packets(
    cuts: list[int], source: random.Random, at_once: int
) -> None:
    frames = pieces(real_hello(), cuts)
    frames += source.choices(frames, k=2)
    source.shuffle(frames)
    one = QuicDatagrams()
    told = []
    for index in range(0, len(frames), at_once):
        inside = b"\0\1".join(frames[index : index + at_once])
        told += read(one, initial(inside, count=index, size=1162), AT + index)
    (only,) = told
    assert (only.sni, only.at) == ("portal.example.go.id", AT)


def test_the_server_may_change_the_id_or_ask_to_try_again() -> None:
    first, second = pieces(real_hello(), [100])
    one = QuicDatagrams()
    assert read(one, initial(first)) == []
    # The client now writes to the server's id; the keys stay.
    assert len(read(one, initial(second, to=b"server", keyed_by=quic_client.TO))) == 1

    one = QuicDatagrams()
    assert read(one, initial(first)) == []
    read(one, quic_client.retry(b"another"), from_client=False)
    assert read(one, initial(first, to=b"another")) == []
    assert len(read(one, initial(second, to=b"another"))) == 1

    one = QuicDatagrams()  # the Retry itself was missed
    assert read(one, initial(first)) == []
    assert len(read(one, initial(first + second, to=b"another"))) == 1


def test_two_packets_in_one_datagram() -> None:
    first, second = pieces(real_hello(), [60])
    both = initial(first, size=0) + initial(second, size=0, count=3)
    assert len(read(QuicDatagrams(), both)) == 1


def test_what_is_no_quic_is_nothing() -> None:
    one = QuicDatagrams()
    for data in (b"", b"\0", b"\xc0", bytes(1200), b"\xff" * 1200, b"\x40" * 1200):
        assert read(one, data) == []
        assert not looks_like(data)
    assert not one._connections


def test_a_flood_costs_only_what_is_set_apart() -> None:
    one = QuicDatagrams(most=50, per_second=20)
    data = initial(b"\1")
    for key in range(300):
        one.datagram(replace(UDP_CONN, key=key), True, data, AT + key)
    assert len(one._connections) == 50
    assert one.evicted == 250
    assert one.passed_over == 280
    # The next second has its own.
    assert len(read(one, initial(crypto(0, real_hello())), AT + SECOND)) == 1
    one.expire(AT + 60 * SECOND)
    assert not one._connections


def test_a_hello_that_never_ends_is_held_to_16_kb() -> None:
    one = QuicDatagrams(per_second=10_000)
    for index in range(100):
        read(one, initial(crypto(index * 1000 + 1, bytes(1000)), count=index))
    (connection,) = one._connections.values()
    assert connection.bytes == sum(map(len, connection.pieces.values())) <= 16 << 10
    for index in range(200):
        read(one, initial(crypto(index, b"\1\0\1\0"), count=index))
    assert len(connection.pieces) <= 64
    assert one.end(UDP_CONN.key, AT) == []
    assert not one._connections


@given(st.data())
def test_damage_is_survived(data: st.DataObject) -> None:
    body = bytearray(initial(crypto(0, real_hello()), size=0))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    one = QuicDatagrams()
    read(one, bytes(body[:cut]))
    read(one, bytes(body), from_client=False)
    assert len(read(one, bytes(body))) <= 1


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=80))))
def test_any_bytes_are_survived(parts: list[tuple[bool, bytes]]) -> None:
    one = QuicDatagrams()
    for from_client, data in parts:
        read(one, data, from_client=from_client)
        read(one, b"\xc3\0\0\0\1" + data, from_client=from_client)
