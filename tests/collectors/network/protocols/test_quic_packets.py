"""What must not happen: packets are read with other keys than RFC 9001 has, or past their end."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collectors.network.protocols import aes, quic_packets
from tests.collectors.network.protocols import quic_client
from tests.collectors.network.protocols.quic_client import TO


@pytest.mark.parametrize(
    ("version", "key", "nonce", "header"),
    [
        # RFC 9001 appendix A.1.
        (
            1,
            "1f369613dd76d5467730efcbe3b1a22d",
            "fa044b2f42a3fd3b46fb255c",
            "9f50449e04a0e810283a1e9933adedd2",
        ),
        # RFC 9369 appendix A.1.
        (
            0x6B3343CF,
            "8b1a0bc121284290a29e0971b5cd045d",
            "91f73e2351d8fa91660e909f",
            "45b95e15235d6f45a6b19cbcb0294ba9",
        ),
    ],
)
def test_the_keys_of_the_standards(version: int, key: str, nonce: str, header: str) -> None:
    found = quic_packets.keys(version, TO)
    assert found.packet == aes.expand(bytes.fromhex(key))
    assert found.nonce == bytes.fromhex(nonce)
    assert found.header == aes.expand(bytes.fromhex(header))


@pytest.mark.parametrize("version", sorted(quic_client.SALTS))
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_what_was_protected_is_read(version: int, width: int) -> None:
    frames = quic_client.crypto(0, b"hello") + b"\1" + bytes(50)
    data = quic_client.initial(frames, version=version, width=width, size=0, token=b"abc")
    (packet,) = quic_packets.packets(data)
    assert (packet.version, packet.retry, packet.destination) == (version, False, TO)
    assert packet.end == len(data)
    plain = quic_packets.plain(data, packet, quic_packets.keys(version, TO))
    assert plain == frames
    assert quic_packets.crypto(plain) == [(0, b"hello")]


def test_all_packets_of_a_datagram_are_found_up_to_four() -> None:
    one = quic_client.initial(b"\1", size=30)
    assert len(list(quic_packets.packets(one * 2 + b"\x41rest"))) == 2
    assert len(list(quic_packets.packets(one * 9))) == 4
    (packet,) = quic_packets.packets(quic_client.retry(b"12345678"))
    assert (packet.retry, packet.source) == (True, b"12345678")
    (packet,) = quic_packets.packets(quic_client.retry(b"1234", quic_client.SECOND))
    assert packet.retry


def test_acknowledgements_and_closes_are_passed() -> None:
    acknowledged = b"\2" + b"\5\0\1\0" + b"\1\1"
    with_ecn = b"\3" + b"\5\0\0\0" + b"\1\1\1"
    closed = b"\x1c" + b"\x0a\0" + b"\3bye"
    frames = acknowledged + b"\0\0" + with_ecn + closed + quic_client.crypto(70, b"x")
    assert quic_packets.crypto(frames) == [(70, b"x")]
    for broken in (
        b"\x08",
        frames[:6],
        frames[:-1],
        b"\6\0",
        b"\x1c\0\0\x05a",
        b"\2\0\0\x7f\xff\0",
    ):
        assert quic_packets.crypto(broken) is None


@given(st.binary(max_size=100))
@example(b"\xc0\0\0\0\1\0\0\0\x40")
@example(b"\xc0\0\0\0\1\x14" + bytes(19))
@example(b"\xc0\0\0\0\1\xff\xff")
def test_any_bytes_are_survived(data: bytes) -> None:
    for begin in (b"", b"\xc0\0\0\0\1", b"\xf0\0\0\0\1"):
        for packet in quic_packets.packets(begin + data):
            assert packet.start < packet.end <= len(begin + data)
    quic_packets.crypto(data)
    quic_packets.variable(data, 0)


def test_every_cut_is_survived() -> None:
    whole = quic_client.initial(b"\1", size=40)
    for size in range(len(whole)):
        assert list(quic_packets.packets(whole[:size])) == []
