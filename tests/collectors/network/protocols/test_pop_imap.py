"""What must not happen: a mail's text taken for an answer, a literal for a command."""

from __future__ import annotations

import base64
import imaplib
import poplib
import secrets

import pytest
from hypothesis import given

from collectors.network.model import Banner, Login
from collectors.network.protocols.pop_imap import ImapTalk, PopTalk
from tests.collectors.network.protocols.dialogues import (
    CLIENT,
    SERVER,
    Make,
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

POP = [
    (SERVER, b"+OK Dovecot ready.\r\n"),
    (CLIENT, b"CAPA\r\n"),
    (SERVER, b"+OK\r\nUSER\r\n.\r\n"),
    (CLIENT, b"USER budi\r\n"),
    (SERVER, b"+OK\r\n"),
    (CLIENT, b"PASS wrong word\r\n"),
    (SERVER, b"-ERR [AUTH] no\r\n"),
    (CLIENT, b"USER budi\r\nPASS right\r\n"),
    (SERVER, b"+OK\r\n"),
    (SERVER, b"+OK in\r\n"),
    (CLIENT, b"RETR 1\r\n"),
    (SERVER, b"+OK\r\nPASS x\r\n-ERR y\r\n.\r\n"),
]
IMAP = [
    (SERVER, b"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n"),
    (CLIENT, b'a1 LOGIN "bu\\"di" wrong\r\n'),
    (SERVER, b"* STATUS\r\na1 NO [AUTHENTICATIONFAILED] no\r\n"),
    (CLIENT, b"a2 LOGIN {6}\r\n"),
    (SERVER, b"+ go on\r\n"),
    (CLIENT, b"pak\r\na {5+}\r\nright\r\n"),
    (SERVER, b"a2 OK in\r\n"),
    (CLIENT, b"a3 APPEND x {20}\r\n"),
]


def logins(make: Make, says: list[Says]) -> list[tuple[str, str, bytes, str]]:
    told = hear(make, says).seen
    return [
        (one.method, one.user, one.secret, one.outcome) for one in told if isinstance(one, Login)
    ]


def banners(make: Make, says: list[Says]) -> list[str]:
    return [one.text for one in hear(make, says).seen if isinstance(one, Banner)]


def test_pop() -> None:
    assert logins(PopTalk, POP) == [
        ("password", "budi", b"wrong word", "failure"),
        ("password", "budi", b"right", "success"),
    ]
    assert banners(PopTalk, POP) == ["Dovecot ready."]


def test_imap() -> None:
    assert logins(ImapTalk, IMAP) == [
        ("password", 'bu"di', b"wrong", "failure"),
        ("password", "pak\r\na", b"right", "success"),
    ]
    assert banners(ImapTalk, IMAP) == ["[CAPABILITY IMAP4rev1] Dovecot ready."]


@pytest.mark.parametrize(("make", "says"), [(PopTalk, POP), (ImapTalk, IMAP)])
def test_cuts_do_not_matter(make: Make, says: list[Says]) -> None:
    same_however_cut(make, says)
    prefix_when_truncated(make, says)


PLAIN = base64.b64encode(b"\0a\0b")


@pytest.mark.parametrize(
    ("make", "says", "expected"),
    [
        (
            PopTalk,
            [(CLIENT, b"APOP a 0123\r\n"), (SERVER, b"+OK\r\n")],
            ("apop", "a", b"", "success"),
        ),
        (
            PopTalk,
            [
                (CLIENT, b"AUTH PLAIN\r\n"),
                (SERVER, b"+ \r\n"),
                (CLIENT, PLAIN + b"\r\n"),
                (SERVER, b"-ERR\r\n"),
            ],
            ("plain", "a", b"b", "failure"),
        ),
        (
            ImapTalk,
            [
                (CLIENT, b"1 AUTHENTICATE PLAIN\r\n"),
                (SERVER, b"+\r\n"),
                (CLIENT, PLAIN + b"\r\n"),
                (SERVER, b"1 OK\r\n"),
            ],
            ("plain", "a", b"b", "success"),
        ),
        (
            ImapTalk,
            [(CLIENT, b"1 authenticate PLAIN " + PLAIN + b"\r\n"), (SERVER, b"1 BAD\r\n")],
            ("plain", "a", b"b", "failure"),
        ),
    ],
)
def test_ways_to_log_in(
    make: Make, says: list[Says], expected: tuple[str, str, bytes, str]
) -> None:
    greeting = b"+OK x\r\n" if make is PopTalk else b"* OK x\r\n"
    assert logins(make, [(SERVER, greeting), *says]) == [expected]
    same_however_cut(make, [(SERVER, greeting), *says])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (PopTalk, [(SERVER, b"+OK x\r\n"), (CLIENT, b"STLS\r\n"), (SERVER, b"+OK go\r\n\x16")]),
        (
            ImapTalk,
            [(SERVER, b"* OK x\r\n"), (CLIENT, b"a STARTTLS\r\n"), (SERVER, b"a OK go\r\n\x16")],
        ),
    ],
)
def test_a_cipher_is_handed_on(make: Make, says: list[Says]) -> None:
    heard = hear(make, [*says, (CLIENT, b"\x16\x03\x01")])
    assert [(one.name, one.got) for one in heard.inner] == [
        ("tls", {CLIENT: b"\x16\x03\x01", SERVER: b"\x16"})
    ]
    same_however_cut(make, [*says, (CLIENT, b"\x16\x03\x01")])


def test_real_clients() -> None:
    secret = secrets.token_urlsafe(8)
    answers = [
        ("USER", b"+OK\r\n"),
        (f"PASS {secret}\r", b"+OK in\r\n"),
        ("PASS|QUIT", b"-ERR no\r\n"),
    ]
    with Scripted(b"+OK ready\r\n", answers) as server, Overheard(server.port) as tap:
        pop = poplib.POP3("127.0.0.1", tap.port, timeout=PATIENCE)
        pop.user("siti")
        with pytest.raises(poplib.error_proto):
            pop.pass_("no")
        pop.user("siti")
        pop.pass_(secret)
        with pytest.raises(poplib.error_proto):
            pop.quit()
        pop.close()
    assert [one[2:] for one in logins(PopTalk, tap.said)] == [
        (b"no", "failure"),
        (secret.encode(), "success"),
    ]
    answers = [
        (r"(\w+) CAPABILITY", b"* CAPABILITY IMAP4rev1\r\n\\1 OK x\r\n"),
        (rf'(\w+) LOGIN siti "{secret}"', b"\\1 OK in\r\n"),
        (r"(\w+) LOGIN", b"\\1 NO no\r\n"),
        (r"(\w+) LOGOUT", b"* BYE x\r\n\\1 OK x\r\n"),
    ]
    with Scripted(b"* OK ready\r\n", answers) as server, Overheard(server.port) as tap:
        imap = imaplib.IMAP4("127.0.0.1", tap.port, timeout=PATIENCE)
        with pytest.raises(imaplib.IMAP4.error):
            imap.login("siti", "no")
        imap.login("siti", secret)
        imap.logout()
    assert [one[1:] for one in logins(ImapTalk, tap.said)] == [
        ("siti", b"no", "failure"),
        ("siti", secret.encode(), "success"),
    ]


@given(mutated(POP))
def test_a_changed_conversation_of_pop(says: list[Says]) -> None:
    holds_for_anything(PopTalk, says)


@given(mutated(IMAP))
def test_a_changed_conversation_of_imap(says: list[Says]) -> None:
    holds_for_anything(ImapTalk, says)


@given(noise(b"USER a\r\n", b"PASS b\r\n", b"AUTH PLAIN\r\n", b"STLS\r\n", b"+OK\r\n", b"-ERR\r\n"))
def test_noise_of_pop(says: list[Says]) -> None:
    holds_for_anything(PopTalk, says)


@given(
    noise(
        b"a LOGIN b c\r\n",
        b"a LOGIN {3}\r\n",
        b"{9999}\r\n",
        b"a AUTHENTICATE PLAIN\r\n",
        b"a STARTTLS\r\n",
        b"* OK x\r\n",
        b"a OK\r\n",
        b"a NO\r\n",
    )
)
def test_noise_of_imap(says: list[Says]) -> None:
    holds_for_anything(ImapTalk, says)
