"""What must not happen: a scrambled answer taken for a password, or a query for a login."""

from __future__ import annotations

import secrets
import struct

import pytest
from hypothesis import given

from collectors.network.model import Banner, Login
from collectors.network.protocols.mysql import MysqlTalk
from tests.collectors.network.protocols.dialogues import (
    CLIENT,
    SERVER,
    Says,
    hear,
    holds_for_anything,
    mutated,
    noise,
    prefix_when_truncated,
    same_however_cut,
)

DB, P41, TLS, SECURE, PLUGIN, CODED = 0x8, 0x200, 0x800, 0x8000, 0x80000, 0x200000


def packet(number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes((number,)) + payload


GREETING = packet(
    0,
    b"\n8.0.36-0ubuntu0\0"
    + struct.pack("<I8sBHBHHB10x", 9, b"abcdefgh", 0, 0xFFFF, 255, 2, 0xC7FF, 21)
    + b"ijklmnopqrst\0caching_sha2_password\0",
)
GOOD = packet(2, b"\0\0\0\2\0\0\0")
BAD = packet(2, b"\xff\x15\x04#28000Access denied for user")


def login(flags: int, rest: bytes) -> bytes:
    return packet(1, struct.pack("<IIB23x", flags, 1 << 24, 255) + rest)


FULL = login(
    P41 | SECURE | DB | PLUGIN | CODED, b"budi\0\x14" + b"s" * 20 + b"desa\0mysql_native_password\0"
)
SAYS = [
    (SERVER, GREETING),
    (CLIENT, FULL),
    (SERVER, GOOD),
    (CLIENT, packet(0, b"\3select 1")),
    (SERVER, packet(1, b"\xff\0\0x")),
]


def logins(says: list[Says]) -> list[tuple[str, str, str, bytes, str]]:
    told = hear(MysqlTalk, says, 3306).seen
    return [
        (one.user, one.database, one.method, one.secret, one.outcome)
        for one in told
        if isinstance(one, Login)
    ]


def test_a_login() -> None:
    assert logins(SAYS) == [("budi", "desa", "mysql_native_password", b"", "success")]
    (banner,) = hear(MysqlTalk, SAYS).of(Banner)
    assert isinstance(banner, Banner)
    assert banner.text == "8.0.36-0ubuntu0"


def test_cuts_do_not_matter() -> None:
    same_however_cut(MysqlTalk, SAYS)
    prefix_when_truncated(MysqlTalk, SAYS)


def test_a_refusal() -> None:
    assert logins([(SERVER, GREETING), (CLIENT, FULL), (SERVER, BAD)])[0][4] == "failure"


@pytest.mark.parametrize(
    ("packet_", "expected"),
    [
        (login(P41 | SECURE, b"a\0\0"), ("a", "", "mysql_native_password", b"")),
        (login(P41, b"a\0secret\0"), ("a", "", "mysql_native_password", b"")),
        (packet(1, b"\x05\x00\0\0\0a\0xyz"), ("a", "", "mysql_old_password", b"")),
        (
            login(P41 | SECURE | PLUGIN, b"a\0\x03pw\0mysql_clear_password\0"),
            ("a", "", "mysql_clear_password", b"pw"),
        ),
    ],
)
def test_forms(packet_: bytes, expected: tuple[str, str, str, bytes]) -> None:
    says = [(SERVER, GREETING), (CLIENT, packet_), (SERVER, GOOD)]
    assert logins(says) == [(*expected, "success")]


def test_another_method_is_asked_for() -> None:
    secret = secrets.token_urlsafe(8).encode()
    says = [
        (SERVER, GREETING),
        (CLIENT, FULL),
        (SERVER, packet(2, b"\xfemysql_clear_password\0")),
        (CLIENT, packet(3, secret + b"\0")),
        (SERVER, packet(4, b"\1\4") + packet(5, b"\0\0\0\2\0\0\0")),
    ]
    assert logins(says) == [("budi", "desa", "mysql_clear_password", secret, "success")]
    same_however_cut(MysqlTalk, says)


def test_a_cipher_is_handed_on() -> None:
    says = [
        (SERVER, GREETING),
        (CLIENT, login(P41 | TLS | SECURE, b"") + b"\x16\x03\x01"),
        (SERVER, b"\x16\x03\x03"),
    ]
    heard = hear(MysqlTalk, says)
    assert [(one.name, one.got) for one in heard.inner] == [
        ("tls", {CLIENT: b"\x16\x03\x01", SERVER: b"\x16\x03\x03"})
    ]
    same_however_cut(MysqlTalk, says)


def test_a_host_that_is_not_let_in() -> None:
    says = [(SERVER, packet(0, b"\xff\x6a\x04Host '10.0.0.1' is not allowed"))]
    assert [one.text for one in hear(MysqlTalk, says).seen if isinstance(one, Banner)] == [
        "Host '10.0.0.1' is not allowed"
    ]


@given(mutated(SAYS))
def test_a_changed_conversation(says: list[Says]) -> None:
    holds_for_anything(MysqlTalk, says)


@given(noise(GREETING, FULL, GOOD, BAD, b"\1\0\0\0\xfe"))
def test_noise(says: list[Says]) -> None:
    holds_for_anything(MysqlTalk, says)
