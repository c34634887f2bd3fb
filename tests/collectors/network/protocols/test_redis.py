"""What must not happen: the answer to another command taken for that to AUTH."""

from __future__ import annotations

import pytest
from hypothesis import given

from collectors.network.model import Login
from collectors.network.protocols.redis import RedisTalk
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


def call(*words: bytes) -> bytes:
    parts = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
    return b"*%d\r\n%b" % (len(words), parts)


SAYS = [
    (CLIENT, call(b"PING") + call(b"AUTH", b"wrong\r\n+OK")),
    (SERVER, b"-NOAUTH Authentication required.\r\n-WRONGPASS invalid\r\n"),
    (CLIENT, call(b"GET", b"AUTH") + call(b"auth", b"budi", b"right") + call(b"LRANGE", b"a")),
    (SERVER, b"$5\r\n-ERR\n\r\n+OK\r\n*2\r\n*1\r\n$2\r\nhi\r\n:5\r\n"),
    (CLIENT, call(b"SET", b"a", b"x" * 5000) + call(b"HELLO", b"3", b"AUTH", b"siti", b"s")),
    (SERVER, b"+OK\r\n%2\r\n+server\r\n+redis\r\n+modules\r\n*0\r\n"),
    (CLIENT, b"AUTH inline\r\n\r\n"),
    (SERVER, b">2\r\n+push\r\n+x\r\n$-1\r\n"),
]


def logins(says: list[Says]) -> list[tuple[str, bytes, str]]:
    told = hear(RedisTalk, says, 6379).seen
    return [(one.user, one.secret, one.outcome) for one in told if isinstance(one, Login)]


def test_tries() -> None:
    assert logins(SAYS) == [
        ("", b"wrong\r\n+OK", "failure"),
        ("budi", b"right", "success"),
        ("siti", b"s", "success"),
        ("", b"inline", "success"),
    ]


def test_cuts_do_not_matter() -> None:
    same_however_cut(RedisTalk, SAYS)
    prefix_when_truncated(RedisTalk, SAYS)


@pytest.mark.parametrize(
    "answer",
    [b"-ERR Client sent AUTH, but no password is set\r\n", b"!5\r\nERR x\r\n"],
)
def test_refused(answer: bytes) -> None:
    assert logins([(CLIENT, call(b"AUTH", b"x")), (SERVER, answer)]) == [("", b"x", "failure")]


def test_no_answer() -> None:
    assert logins([(CLIENT, call(b"AUTH", b"x"))]) == [("", b"x", "")]


def test_no_memory_without_end() -> None:
    heard = Heard(RedisTalk)
    heard.take([(CLIENT, b"*9999999\r\n" + call(b"x" * 9000)[4:] * 50)], 1400)
    heard.take([(CLIENT, call(b"PING") * 20000), (SERVER, b"*9999999999\r\n" * 1000)], 60000)
    heard.end()


@given(mutated(SAYS))
def test_a_changed_conversation(says: list[Says]) -> None:
    holds_for_anything(RedisTalk, says)


@given(
    noise(
        call(b"AUTH", b"x"), b"AUTH a b\r\n", b"*2\r\n", b"$3\r\n", b"+OK\r\n", b"%1\r\n", b"-E\r\n"
    )
)
def test_noise(says: list[Says]) -> None:
    holds_for_anything(RedisTalk, says)
