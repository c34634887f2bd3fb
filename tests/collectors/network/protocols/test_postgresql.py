"""What must not happen: the answer to a request for a cipher taken for a message."""

from __future__ import annotations

import secrets
import struct

import pytest
from hypothesis import given

from collectors.network.model import Banner, Login
from collectors.network.protocols.postgresql import PostgresqlTalk
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


def message(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack(">I", 4 + len(payload)) + payload


def untyped(payload: bytes) -> bytes:
    return struct.pack(">I", 4 + len(payload)) + payload


TLS = untyped(struct.pack(">I", 80877103))
GSS = untyped(struct.pack(">I", 80877104))
START = untyped(
    struct.pack(">I", 196608) + b"user\0budi\0database\0desa\0application_name\0psql\0\0"
)
SECRET = secrets.token_urlsafe(8).encode()
SAYS = [
    (CLIENT, TLS),
    (SERVER, b"N"),
    (CLIENT, START),
    (SERVER, message(b"R", b"\0\0\0\3")),
    (CLIENT, message(b"p", SECRET + b"\0")),
    (SERVER, message(b"R", b"\0\0\0\0") + message(b"S", b"server_version\x0016.2\0")),
    (SERVER, message(b"K", b"12345678") + message(b"Z", b"I")),
    (CLIENT, message(b"Q", b"select 1\0")),
    (SERVER, message(b"E", b"x")),
]


def logins(says: list[Says]) -> list[tuple[str, str, str, bytes, str]]:
    told = hear(PostgresqlTalk, says, 5432).seen
    return [
        (one.user, one.database, one.method, one.secret, one.outcome)
        for one in told
        if isinstance(one, Login)
    ]


def test_a_password_in_clear() -> None:
    assert logins(SAYS) == [("budi", "desa", "password", SECRET, "success")]
    (banner,) = hear(PostgresqlTalk, SAYS).of(Banner)
    assert isinstance(banner, Banner)
    assert banner.text == "PostgreSQL 16.2"


def test_cuts_do_not_matter() -> None:
    same_however_cut(PostgresqlTalk, SAYS)
    prefix_when_truncated(PostgresqlTalk, SAYS)


SASL = b"SCRAM-SHA-256\0" + struct.pack(">I", 10) + b"n,,n=,r=ab"


def test_an_answer_that_is_seen_before_its_request_is_whole() -> None:
    early = [(CLIENT, GSS[:6]), (SERVER, b"N"), (CLIENT, GSS[6:]), *SAYS[2:7]]
    assert logins(early) == logins(SAYS)


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ([(SERVER, message(b"R", b"\0\0\0\0"))], ("trust", "success")),
        (
            [
                (SERVER, message(b"R", b"\0\0\0\5salt")),
                (CLIENT, message(b"p", b"md5abc\0")),
                (SERVER, message(b"E", b"SFATAL\0C28P01\0\0")),
            ],
            ("md5", "failure"),
        ),
        (
            [
                (SERVER, message(b"R", b"\0\0\0\nSCRAM-SHA-256\0\0")),
                (CLIENT, message(b"p", SASL)),
                (SERVER, message(b"R", b"\0\0\0\x0br=abc")),
                (CLIENT, message(b"p", b"c=biws")),
                (SERVER, message(b"R", b"\0\0\0\x0cv=x") + message(b"R", b"\0\0\0\0")),
            ],
            ("scram-sha-256", "success"),
        ),
        (
            [(SERVER, message(b"R", b"\0\0\0\0") + message(b"E", b"SFATAL\0C28000\0\0"))],
            ("trust", "failure"),
        ),
        ([], ("trust", "")),
    ],
)
def test_methods(says: list[Says], expected: tuple[str, str]) -> None:
    (told,) = logins([(CLIENT, START), *says])
    assert (told[2], told[3], told[4]) == (expected[0], b"", expected[1])
    same_however_cut(PostgresqlTalk, [(CLIENT, START), *says])


def test_the_database_is_the_users_name_where_none_is_named() -> None:
    says = [(CLIENT, untyped(struct.pack(">I", 196608) + b"user\0budi\0\0"))]
    assert logins(says)[0][:2] == ("budi", "budi")


def test_a_cipher_is_handed_on() -> None:
    says = [
        (CLIENT, GSS),
        (SERVER, b"N"),
        (CLIENT, TLS),
        (SERVER, b"S"),
        (CLIENT, b"\x16\x03\x01"),
        (SERVER, b"\x16\x03\x03"),
    ]
    heard = hear(PostgresqlTalk, says)
    assert [(one.name, one.got) for one in heard.inner] == [
        ("tls", {CLIENT: b"\x16\x03\x01", SERVER: b"\x16\x03\x03"})
    ]
    same_however_cut(PostgresqlTalk, says)


def test_a_cancellation_says_nothing() -> None:
    assert (
        hear(PostgresqlTalk, [(CLIENT, untyped(struct.pack(">I", 80877102) + bytes(8)))]).seen == []
    )


@given(mutated(SAYS))
def test_a_changed_conversation(says: list[Says]) -> None:
    holds_for_anything(PostgresqlTalk, says)


@given(noise(TLS, START, b"N", b"S", message(b"R", b"\0\0\0\3"), message(b"p", b"x\0"), b"R\0\0"))
def test_noise(says: list[Says]) -> None:
    holds_for_anything(PostgresqlTalk, says)
