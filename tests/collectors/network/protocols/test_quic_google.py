"""What must not happen: a datagram of anything else is taken for the QUIC of old."""

from __future__ import annotations

import struct

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from collectors.network.model import Tls
from collectors.network.protocols import quic_google
from collectors.network.protocols.quic import QuicDatagrams
from tests.collectors.network.protocols.handshakes import UDP_CONN


def message(**tags: bytes) -> bytes:
    data = b"\x0d" + bytes(8) + b"Q039\1" + bytes(12) + b"\xa0\1CHLO"
    data += struct.pack("<HH", len(tags), 0)
    end = 0
    for name, value in tags.items():
        end += len(value)
        data += struct.pack("<4sI", name.encode(), end)
    return data + b"".join(tags.values()) + bytes(1200)


def test_the_name_of_the_server_is_read() -> None:
    one = QuicDatagrams()
    data = message(**{"PAD\0": bytes(100), "SNI\0": b"www.Example.com", "VER\0": b"Q039"})
    (told,) = one.datagram(UDP_CONN, True, data, 5)
    assert isinstance(told, Tls)
    assert (told.sni, told.quic, told.ja3, told.ja4) == ("www.example.com", True, "", "")
    assert one.datagram(UDP_CONN, True, data, 6) == []
    assert one.datagram(replace(UDP_CONN, key=99), False, data, 6) == []


@given(st.binary(max_size=100))
@example(b"\xff\xff\0\0")
def test_any_bytes_are_survived(data: bytes) -> None:
    quic_google.hello(data)
    quic_google.hello(b"Q039CHLO" + data)


def test_every_cut_is_survived() -> None:
    whole = message(**{"SNI\0": b"www.example.com"})
    for size in range(len(whole)):
        found = quic_google.hello(whole[:size])
        assert found is None or found.server_name == b"www.example.com"
    assert quic_google.hello(message(**{"VER\0": b"Q039"})) is None
