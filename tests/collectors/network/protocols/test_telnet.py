"""What must not happen: what a user types in a shell taken for a password."""

from __future__ import annotations

import pytest
from hypothesis import given

from collectors.network.model import Banner, Login
from collectors.network.protocols.telnet import Screen, TelnetTalk
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

SAYS = [
    (SERVER, b"\xff\xfd\x18\xff\xfd\x20\xff\xfb\x01"),
    (CLIENT, b"\xff\xfb\x18\xff\xfa\x18\0xterm\xff\xf0"),
    (SERVER, b"\r\nDebian GNU/Linux 12\r\n\r\nserver login: "),
    (CLIENT, b"budx\x7fi\r\0"),
    (SERVER, b"budi\r\nPassword: "),
    (CLIENT, b"salah\r\0"),
    (SERVER, b"\r\nLogin incorrect\r\nserver login: "),
    (CLIENT, b"budi\r\n"),
    (SERVER, b"Password: "),
    (CLIENT, b"be\xff\xffnar\r\n"),
    (SERVER, b"\r\nLast login: Mon\r\nbudi@server:~$ "),
    (CLIENT, b"mysql -pshell\r\n"),
    (SERVER, b"Enter name: "),
    (CLIENT, b"not this\r\n"),
]


def logins(says: list[Says]) -> list[tuple[str, bytes, str]]:
    told = hear(TelnetTalk, says, 23).seen
    return [(one.user, one.secret, one.outcome) for one in told if isinstance(one, Login)]


def test_two_tries() -> None:
    assert logins(SAYS) == [("budi", b"salah", "failure"), ("budi", b"be\xffnar", "success")]
    (banner,) = hear(TelnetTalk, SAYS).of(Banner)
    assert isinstance(banner, Banner)
    assert banner.text == "Debian GNU/Linux 12"


def test_cuts_do_not_matter() -> None:
    same_however_cut(TelnetTalk, SAYS)
    prefix_when_truncated(TelnetTalk, SAYS)


@pytest.mark.parametrize(
    ("after", "outcome"),
    [
        (b"\r\n# ", "success"),
        (b"\r\n> ", "success"),
        (b"\r\nlogin: ", "failure"),
        (b"\r\nAuthentication failed.\r\n", "failure"),
        (b"\r\nSelamat datang\r\n", "success"),
        (b"\r\n", ""),
    ],
)
def test_how_it_went(after: bytes, outcome: str) -> None:
    says = [
        (SERVER, b"Username: "),
        (CLIENT, b"a\r\n"),
        (SERVER, b"Kata sandi: "),
        (CLIENT, b"b\r\n"),
        (SERVER, after),
    ]
    assert logins(says) == [("a", b"b", outcome)]


def test_a_shell_is_no_login() -> None:
    assert logins([(SERVER, b"$ "), (CLIENT, b"cat password:\r\n"), (SERVER, b"x\r\n$ ")]) == []


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", b"plain"),
        (b"a\xff\xf1b\xff\xfb\x01c", b"abc"),
        (b"a\xff\xfa\x18\xff\xff\x00\xff\xf0b", b"ab"),
        (b"\xff\xff", b"\xff"),
    ],
)
def test_options_are_taken_out(raw: bytes, text: bytes) -> None:
    assert Screen().text(raw) == text
    one = Screen()
    assert b"".join(one.text(raw[index : index + 1]) for index in range(len(raw))) == text


@given(mutated(SAYS))
def test_a_changed_conversation(says: list[Says]) -> None:
    holds_for_anything(TelnetTalk, says)


@given(noise(b"login: ", b"Password: ", b"a\r\n", b"$ ", b"\xff\xfa", b"\xff\xf0", b"failed\r\n"))
def test_noise(says: list[Says]) -> None:
    holds_for_anything(TelnetTalk, says)
