"""What must not happen: a search taken for a bind, or a length believed that leads nowhere."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given

from collectors.network.model import Login
from collectors.network.protocols.ldap import LdapTalk
from tests.collectors.network.protocols.dialogues import (
    CLIENT,
    SERVER,
    Heard,
    Says,
    hear,
    holds_for_anything,
    mutated,
    noise,
    prefix_when_truncated,
    same_however_cut,
)
from tests.collectors.network.protocols.test_sasl import ntlm


def element(tag: int, *parts: bytes, long: bool = False) -> bytes:
    value = b"".join(parts)
    if long or len(value) > 127:
        return bytes((tag, 0x84)) + len(value).to_bytes(4, "big") + value
    return bytes((tag, len(value))) + value


def message(number: int, operation: bytes, long: bool = False) -> bytes:
    return element(0x30, element(2, bytes((number,))), operation, long=long)


def bind(number: int, name: bytes, proof: bytes, long: bool = False) -> bytes:
    return message(number, element(0x60, element(2, b"\3"), element(4, name), proof), long)


def result(number: int, code: int, tag: int = 0x61) -> bytes:
    operation = element(tag, element(10, bytes((code,))), element(4), element(4))
    return message(number, operation)


SECRET = secrets.token_urlsafe(8).encode()
DN = b"cn=budi,dc=desa,dc=id"
SAYS = [
    (CLIENT, bind(1, DN, element(0x80, b"wrong"))),
    (SERVER, result(1, 49)),
    (CLIENT, bind(2, DN, element(0x80, SECRET), long=True)),
    (SERVER, result(2, 0)),
    (CLIENT, message(3, element(0x63, element(4, b"dc=desa")))),
    (SERVER, message(3, element(0x64, b"x" * 9000))),
    (CLIENT, message(4, element(0x42))),
]


def logins(says: list[Says]) -> list[tuple[str, str, bytes, str]]:
    told = hear(LdapTalk, says, 389).seen
    return [
        (one.method, one.user, one.secret, one.outcome) for one in told if isinstance(one, Login)
    ]


def test_two_tries() -> None:
    assert logins(SAYS) == [
        ("simple", DN.decode(), b"wrong", "failure"),
        ("simple", DN.decode(), SECRET, "success"),
    ]


def test_cuts_do_not_matter() -> None:
    same_however_cut(LdapTalk, SAYS)
    prefix_when_truncated(LdapTalk, SAYS)


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ([(CLIENT, bind(1, b"", element(0x80)))], ("anonymous", "", b"", "")),
        ([(CLIENT, bind(1, DN, element(0x80)))], ("simple", DN.decode(), b"", "")),
        (
            [
                (CLIENT, bind(1, b"", element(0xA3, element(4, b"PLAIN"), element(4, b"\0a\0b")))),
                (SERVER, result(1, 0)),
            ],
            ("plain", "a", b"b", "success"),
        ),
        (
            [
                (CLIENT, bind(1, b"", element(0xA3, element(4, b"GSS-SPNEGO"), element(4, b"x")))),
                (SERVER, result(1, 14)),
                (
                    CLIENT,
                    bind(
                        2,
                        b"",
                        element(0xA3, element(4, b"GSS-SPNEGO"), element(4, ntlm("K", "siti"))),
                    ),
                ),
                (SERVER, result(2, 49)),
            ],
            ("gss-spnego", "siti", b"", "failure"),
        ),
    ],
)
def test_ways_to_bind(says: list[Says], expected: tuple[str, str, bytes, str]) -> None:
    assert logins(says) == [expected]
    same_however_cut(LdapTalk, says)


def test_ntlm_in_three_steps() -> None:
    says = [
        (CLIENT, bind(1, b"", element(0x89))),
        (SERVER, result(1, 0)),
        (CLIENT, bind(2, b"NTLM", element(0x8A, b"NTLMSSP\0\1\0\0\0"))),
        (SERVER, result(2, 0)),
        (CLIENT, bind(3, b"", element(0x8B, ntlm("KANTOR", "siti")))),
        (SERVER, result(3, 49)),
    ]
    assert logins(says) == [("ntlm", "siti", b"", "failure")]


START_TLS = message(1, element(0x77, element(0x80, b"1.3.6.1.4.1.1466.20037")))


@pytest.mark.parametrize(("code", "inner"), [(0, ["tls"]), (2, [])])
def test_a_cipher_is_handed_on(code: int, inner: list[str]) -> None:
    says = [
        (CLIENT, START_TLS + bind(2, DN, element(0x80, b"x"))),
        (SERVER, result(1, code, 0x78)),
    ]
    heard = hear(LdapTalk, says)
    assert [one.name for one in heard.inner] == inner
    assert len(heard.of(Login)) == (0 if inner else 1)
    same_however_cut(LdapTalk, says)


def test_no_memory_without_end() -> None:
    heard = Heard(LdapTalk)
    heard.take([(CLIENT, b"\x30\x84\0\xff\xff\xff" + b"x" * 1_000_000)], 1400)
    heard.take([(SERVER, b"\x30\x84\xff\xff\xff\xff" + b"x" * 100)])
    assert heard.end().seen == []


@given(mutated(SAYS))
def test_a_changed_conversation(says: list[Says]) -> None:
    holds_for_anything(LdapTalk, says)


@given(noise(SAYS[0][1], SAYS[1][1], START_TLS, result(1, 0, 0x78), b"\x30\x84", b"\x60\x05"))
def test_noise(says: list[Says]) -> None:
    holds_for_anything(LdapTalk, says)
