from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.dissect.sort import ETHERNET, NULL, RAW, SLL, SLL2, sort
from tests.collectors.network.dissect.frames import arp, dhcp, echo, ethernet, ipv4, tcp, udp


@given(st.sampled_from([NULL, ETHERNET, RAW, SLL, SLL2, 12, 105, 9999]), st.binary(max_size=120))
def test_any_bytes(link: int, frame: bytes) -> None:
    found = sort(link, frame)
    assert 0 <= found.headers <= len(frame)


@given(st.integers(0, 80))
def test_any_cut(end: int) -> None:
    for frame in (arp(), dhcp(b"x"), tcp(1, 445, b"y"), echo(b"z")):
        assert sort(ETHERNET, frame[:end]).headers <= end


@pytest.mark.parametrize(
    "frame",
    [
        tcp(40_000, 443, b"hello"),
        tcp(40_000, 445, b""),
        udp(40_000, 53, b"x"),
        ipv4(17, b"\0C\0C", fragment=100),
    ],
)
def test_what_others_read(frame: bytes) -> None:
    assert sort(ETHERNET, frame).category == ""


@pytest.mark.parametrize(
    ("frame", "category", "headers"),
    [
        (arp(), "arp", 42),
        (dhcp(b"pc"), "dhcp", 42),
        (echo(b"secret"), "icmp", 42),
        (tcp(445, 40_000, b"x"), "smb", 54),
        (tcp(40_000, 88, b"x"), "kerberos", 54),
        (udp(40_000, 88, b"x"), "kerberos", 42),
        (ipv4(50, b"x" * 30), "other", 34),
        (ethernet(0x88CC, b"x" * 30), "other", 14),
    ],
)
def test_what_is_worth_a_look(frame: bytes, category: str, headers: int) -> None:
    assert sort(ETHERNET, frame) == (category, headers)
    tagged = frame[:12] + b"\x88\xa8\0\x01\x81\0\0\x02" + frame[12:]
    expected = headers + 8 if category != "arp" else len(tagged)
    assert sort(ETHERNET, tagged) == (category, expected)


def test_other_links() -> None:
    bare = echo(b"secret")[14:]
    assert sort(RAW, bare) == ("icmp", 28)
    assert sort(NULL, b"\2\0\0\0" + bare) == ("icmp", 32)
    assert sort(SLL, bytes(14) + b"\x08\x00" + bare) == ("icmp", 44)
    assert sort(SLL2, b"\x08\x00" + bytes(18) + bare) == ("icmp", 48)


def test_behind_extension_headers() -> None:
    fixed = b"\x60\0\0\0\0\x18\x00\x40" + bytes(32)
    options = b"\x3a\0" + bytes(6)
    assert sort(RAW, fixed + options + b"\x80\0" + bytes(6) + b"secret") == ("icmp", 56)
    later = fixed[:6] + b"\x2c" + fixed[7:] + b"\x3a\0\x01\x00" + bytes(4) + b"secret"
    assert sort(RAW, later) == ("", 48)
