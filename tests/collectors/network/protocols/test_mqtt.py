"""What must not happen: a will or a topic taken for a password."""

from __future__ import annotations

import pytest
from hypothesis import given

from collectors.network.model import Login
from collectors.network.protocols.mqtt import MqttTalk
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


def string(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text


def packet(kind: int, body: bytes) -> bytes:
    size, out = len(body), bytes((kind,))
    while size > 127:
        out += bytes((size & 0x7F | 0x80,))
        size >>= 7
    return out + bytes((size,)) + body


def connect(level: int, flags: int, *fields: bytes, name: bytes = b"MQTT") -> bytes:
    return packet(0x10, string(name) + bytes((level, flags, 0, 60)) + b"".join(fields))


FULL = connect(4, 0xC6, *map(string, (b"sensor-1", b"will", b"gone" * 60, b"budi", b"rahasia")))
SAYS = [(CLIENT, FULL), (SERVER, b"\x20\2\0\0"), (CLIENT, packet(0x30, string(b"a") + b"21"))]


def logins(says: list[Says]) -> list[tuple[str, bytes, str]]:
    told = hear(MqttTalk, says, 1883).seen
    return [(one.user, one.secret, one.outcome) for one in told if isinstance(one, Login)]


@pytest.mark.parametrize(
    "first",
    [
        FULL,
        connect(3, 0xC0, *map(string, (b"id", b"budi", b"rahasia")), name=b"MQIsdp"),
        connect(5, 0xC0, b"\3abc", *map(string, (b"id", b"budi", b"rahasia"))),
        connect(
            5, 0xC4, b"\0", string(b"id"), b"\1x", *map(string, (b"w", b"x", b"budi", b"rahasia"))
        ),
    ],
)
def test_a_login(first: bytes) -> None:
    for code, outcome in ((0, "success"), (5, "failure")):
        says = [(CLIENT, first), (SERVER, b"\x20\2\0" + bytes((code,)))]
        assert logins(says) == [("budi", b"rahasia", outcome)]


def test_no_login() -> None:
    assert logins([(CLIENT, connect(4, 2, string(b"id"))), (SERVER, b"\x20\2\0\0")]) == []


def test_cuts_do_not_matter() -> None:
    same_however_cut(MqttTalk, SAYS)
    prefix_when_truncated(MqttTalk, SAYS)


@given(mutated(SAYS))
def test_a_changed_conversation(says: list[Says]) -> None:
    holds_for_anything(MqttTalk, says)


@given(noise(FULL, b"\x20\2\0\0", b"\x10\xff\xff", connect(5, 0xC4, b"\xff\xff")))
def test_noise(says: list[Says]) -> None:
    holds_for_anything(MqttTalk, says)
