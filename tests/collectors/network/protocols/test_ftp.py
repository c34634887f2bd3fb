"""What must not happen: an answer taken for that to a password, or a word of TLS for a command."""

from __future__ import annotations

import ftplib
import secrets

import pytest
from hypothesis import given

from collectors.network.model import Banner, Login
from collectors.network.protocols.ftp import FtpTalk
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
from tests.collectors.network.protocols.overheard import Overheard
from tests.collectors.network.protocols.scripted import Scripted
from tests.patience import PATIENCE

TWO_TRIES = [
    (SERVER, b"220-Selamat datang\r\n 530 not an answer\r\n220 (vsFTPd 3.0.5)\r\n"),
    (CLIENT, b"USER budi\r\n"),
    (SERVER, b"331 Please specify the password.\r\n"),
    (CLIENT, b"PASS wrong word\r\n"),
    (SERVER, b"530 Login incorrect.\r\n"),
    (CLIENT, b"user budi\r\npass right\r\n"),
    (SERVER, b"331 x\r\n230-Welcome\r\n230 Login successful.\r\n"),
    (CLIENT, b"RETR x\r\n"),
    (SERVER, b"550 No.\r\n"),
]


def logins(says: list[Says]) -> list[tuple[str, bytes, str]]:
    told = hear(FtpTalk, says, 21).seen
    return [(one.user, one.secret, one.outcome) for one in told if isinstance(one, Login)]


def test_two_tries() -> None:
    assert logins(TWO_TRIES) == [
        ("budi", b"wrong word", "failure"),
        ("budi", b"right", "success"),
    ]
    (banner,) = hear(FtpTalk, TWO_TRIES).of(Banner)
    assert isinstance(banner, Banner)
    assert (banner.text, banner.from_client) == ("(vsFTPd 3.0.5)", False)


def test_cuts_do_not_matter() -> None:
    same_however_cut(FtpTalk, TWO_TRIES)
    prefix_when_truncated(FtpTalk, TWO_TRIES)


def test_no_password_asked_for() -> None:
    says = [(SERVER, b"220 x\r\n"), (CLIENT, b"USER ftp\r\n"), (SERVER, b"230 ok\r\n")]
    assert logins(says) == [("ftp", b"", "success")]


def test_no_answer() -> None:
    assert logins([(SERVER, b"220 x\r\n"), (CLIENT, b"USER a\r\nPASS b\r\n")]) == [("a", b"b", "")]


@pytest.mark.parametrize(("answer", "inner"), [(b"234 go\r\n", ["tls"]), (b"502 no\r\n", [])])
def test_a_cipher(answer: bytes, inner: list[str]) -> None:
    says = [
        (SERVER, b"220 x\r\n"),
        (CLIENT, b"AUTH TLS\r\nUSER a\r\nPASS b\r\n"),
        (SERVER, answer),
    ]
    heard = hear(FtpTalk, says)
    assert [one.name for one in heard.inner] == inner
    assert len(heard.of(Login)) == (0 if inner else 1)
    if inner:
        assert heard.inner[0].got[CLIENT] == b"USER a\r\nPASS b\r\n"
    same_however_cut(FtpTalk, says)


def test_a_real_client() -> None:
    secret = secrets.token_urlsafe(8)
    answers = [
        ("USER", b"331 go on\r\n"),
        (f"PASS {secret}\r", b"230 in\r\n"),
        ("PASS", b"530 no\r\n"),
        ("QUIT", b"221 bye\r\n"),
        (".", b"502 what\r\n"),
    ]
    with Scripted(b"220 test ready\r\n", answers) as server, Overheard(server.port) as tap:
        client = ftplib.FTP(timeout=PATIENCE)
        client.connect("127.0.0.1", tap.port)
        with pytest.raises(ftplib.error_perm):
            client.login("siti", "no")
        client.login("siti", secret)
        client.quit()
    assert logins(tap.said) == [("siti", b"no", "failure"), ("siti", secret.encode(), "success")]


@given(mutated(TWO_TRIES))
def test_a_changed_conversation(says: list[Says]) -> None:
    holds_for_anything(FtpTalk, says)


@given(
    noise(b"USER a\r\n", b"PASS b\r\n", b"AUTH TLS\r\n", b"230 x\r\n", b"530 x\r\n", b"234 x\r\n")
)
def test_noise(says: list[Says]) -> None:
    holds_for_anything(FtpTalk, says)


def test_no_memory_without_end() -> None:
    heard = Heard(FtpTalk)
    heard.take([(CLIENT, b"AUTH TLS\r\n" + b"x" * 1_000_000), (SERVER, b"2" * 1_000_000)], 1400)
    heard.end()
    assert heard.inner
