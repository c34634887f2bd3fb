"""What must not happen: what a proxy carries taken for a part of SOCKS, or lost."""

from __future__ import annotations

import pytest
from hypothesis import given

from collectors.network.model import Login
from collectors.network.protocols.socks import SocksTalk
from tests.collectors.network.protocols.dialogues import (
    CLIENT,
    SERVER,
    Says,
    conn,
    hear,
    holds_for_anything,
    mutated,
    noise,
    prefix_when_truncated,
    same_however_cut,
)

GET = b"GET / HTTP/1.1\r\n\r\n"
V5 = [
    (CLIENT, b"\5\2\0\2"),
    (SERVER, b"\5\2"),
    (CLIENT, b"\1\4budi\7rahasia"),
    (SERVER, b"\1\0"),
    (CLIENT, b"\5\1\0\3\4a.id\0\x50"),
    (SERVER, b"\5\0\0\1\0\0\0\0\0\0"),
    (CLIENT, GET),
    (SERVER, b"HTTP/1.1 200 OK\r\n"),
]
V4 = [
    (CLIENT, b"\4\1\0\x50\0\0\0\1me\0a.id\0"),
    (SERVER, b"\0\x5a\0\0\0\0\0\0"),
    (CLIENT, GET),
    (SERVER, b"HTTP/1.1 200 OK\r\n"),
]
OPEN = [(CLIENT, b"\5\1\0"), (SERVER, b"\5\0"), *V5[4:]]


@pytest.mark.parametrize("says", [V5, V4, OPEN, [(CLIENT, b"\4\1\0\x50\x0a\0\0\1\0"), *V4[1:]]])
def test_what_is_carried_is_handed_on(says: list[Says]) -> None:
    heard = hear(SocksTalk, says)
    assert [(one.name, one.got) for one in heard.inner] == [
        ("", {CLIENT: GET, SERVER: b"HTTP/1.1 200 OK\r\n"})
    ]
    same_however_cut(SocksTalk, says)
    prefix_when_truncated(SocksTalk, says)


@pytest.mark.parametrize(("code", "outcome"), [(b"\1\0", "success"), (b"\1\1", "failure")])
def test_a_login(code: bytes, outcome: str) -> None:
    told = hear(SocksTalk, [*V5[:3], (SERVER, code)]).seen
    assert [(one.user, one.secret, one.outcome) for one in told if isinstance(one, Login)] == [
        ("budi", b"rahasia", outcome)
    ]


def test_a_refusal_hands_on_nothing() -> None:
    says = [*OPEN[:3], (SERVER, b"\5\5\0\1\0\0\0\0\0\0"), (CLIENT, GET)]
    assert hear(SocksTalk, says).inner == []


@given(mutated(V5))
def test_a_changed_conversation(says: list[Says]) -> None:
    holds_for_anything(SocksTalk, says)


@given(noise(*(data for _, data in V5[:6]), *(data for _, data in V4[:2])))
def test_noise(says: list[Says]) -> None:
    holds_for_anything(SocksTalk, says)


def test_no_bytes_change_nothing() -> None:
    talk = SocksTalk(conn(1080))
    told = [
        *talk.client(b"\4\1\0\0\2", 1),
        *talk.server(b"\5\2", 2),
        *talk.client(b"", 3),
        *talk.server(b"\1\1", 4),
        *talk.end(5),
    ]
    assert told == []
