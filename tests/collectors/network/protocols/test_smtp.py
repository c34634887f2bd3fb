"""What must not happen: the text of a mail taken for commands, or a login that was not one."""

from __future__ import annotations

import base64
import secrets
import smtplib

import pytest
from hypothesis import given

from collectors.network.model import Banner, Login, Mail
from collectors.network.protocols.smtp import MOST_RECIPIENTS, SmtpTalk
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


def coded(text: str) -> bytes:
    return base64.b64encode(text.encode())


TWO_MAILS = [
    (SERVER, b"220 mail.example ESMTP Postfix\r\n"),
    (CLIENT, b"EHLO kantor\r\n"),
    (SERVER, b"250-mail.example\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n"),
    (CLIENT, b"AUTH LOGIN\r\n"),
    (SERVER, b"334 VXNlcm5hbWU6\r\n"),
    (CLIENT, coded("budi") + b"\r\n"),
    (SERVER, b"334 UGFzc3dvcmQ6\r\n"),
    (CLIENT, coded("rahasia") + b"\r\n"),
    (SERVER, b"235 2.7.0 Authentication successful\r\n"),
    (CLIENT, b"MAIL FROM:<a@b.id> SIZE=5\r\nRCPT TO:<c@d.id>\r\nRCPT TO:<e@f.id>\r\nDATA\r\n"),
    (SERVER, b"250 ok\r\n250 ok\r\n550 unknown\r\n354 go\r\n"),
    (CLIENT, b"Subject: x\r\n\r\nMAIL FROM:<not@this>\r\n..\r\n.\r\n"),
    (SERVER, b"250 queued\r\n"),
    (CLIENT, b"MAIL FROM:<>\r\nRCPT TO:<g@h.id>\r\nBDAT 16\r\nRCPT TO:<i@j.id>BDAT 0 LAST\r\n"),
    (SERVER, b"250 ok\r\n250 ok\r\n554 no\r\n554 no\r\n"),
    (CLIENT, b"QUIT\r\n"),
]


def mails(says: list[Says]) -> list[Mail]:
    return [one for one in hear(SmtpTalk, says, 25).seen if isinstance(one, Mail)]


def logins(says: list[Says]) -> list[tuple[str, str, bytes, str]]:
    told = hear(SmtpTalk, says, 25).seen
    return [
        (one.method, one.user, one.secret, one.outcome) for one in told if isinstance(one, Login)
    ]


def test_mails() -> None:
    first, second = mails(TWO_MAILS)
    assert (first.helo, first.sender, first.recipients) == (
        "kantor",
        "a@b.id",
        ("c@d.id", "e@f.id"),
    )
    assert (first.count, first.refused, first.outcome) == (2, 1, "success")
    assert (second.sender, second.recipients, second.outcome) == ("", ("g@h.id",), "failure")


def test_banner_and_login() -> None:
    assert logins(TWO_MAILS) == [("login", "budi", b"rahasia", "success")]
    told = [one for one in hear(SmtpTalk, TWO_MAILS).seen if isinstance(one, Banner)]
    assert [(one.from_client, one.text) for one in told] == [
        (False, "mail.example ESMTP Postfix"),
        (True, "kantor"),
    ]


def test_cuts_do_not_matter() -> None:
    same_however_cut(SmtpTalk, TWO_MAILS)
    prefix_when_truncated(SmtpTalk, TWO_MAILS)


HELLO = [(SERVER, b"220 x\r\n"), (CLIENT, b"EHLO y\r\n"), (SERVER, b"250 x\r\n")]


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (
            [(CLIENT, b"AUTH PLAIN " + coded("\0a\0b") + b"\r\n"), (SERVER, b"535 no\r\n")],
            ("plain", "a", b"b", "failure"),
        ),
        (
            [
                (CLIENT, b"AUTH plain\r\n"),
                (SERVER, b"334 \r\n"),
                (CLIENT, coded("x\0a\0b") + b"\r\n"),
                (SERVER, b"235 ok\r\n"),
            ],
            ("plain", "a", b"b", "success"),
        ),
        (
            [
                (CLIENT, b"AUTH CRAM-MD5\r\n"),
                (SERVER, b"334 abc\r\n"),
                (CLIENT, coded("a b 0123") + b"\r\n"),
                (SERVER, b"235 ok\r\n"),
            ],
            ("cram-md5", "a b", b"", "success"),
        ),
        (
            [
                (CLIENT, b"AUTH XOAUTH2 " + coded("user=a@b\1auth=Bearer c\1\1") + b"\r\n"),
                (SERVER, b"235 ok\r\n"),
            ],
            ("xoauth2", "a@b", b"", "success"),
        ),
        (
            [(CLIENT, b"AUTH LOGIN\r\n"), (SERVER, b"504 what\r\n"), (CLIENT, b"NOOP\r\n")],
            ("login", "", b"", "failure"),
        ),
    ],
)
def test_ways_to_log_in(says: list[Says], expected: tuple[str, str, bytes, str]) -> None:
    assert logins(HELLO + says) == [expected]
    same_however_cut(SmtpTalk, HELLO + says)


def test_a_cipher_is_handed_on() -> None:
    says = [
        *HELLO,
        (CLIENT, b"STARTTLS\r\n"),
        (SERVER, b"220 go\r\n"),
        (CLIENT, b"\x16\x03\x01MAIL FROM:<x>\r\n"),
        (SERVER, b"\x16\x03\x03"),
    ]
    heard = hear(SmtpTalk, says)
    assert [(one.name, one.got) for one in heard.inner] == [
        ("tls", {CLIENT: b"\x16\x03\x01MAIL FROM:<x>\r\n", SERVER: b"\x16\x03\x03"})
    ]
    assert not heard.of(Mail)
    same_however_cut(SmtpTalk, says)


def test_a_refused_cipher_and_a_refused_mail() -> None:
    says = [
        *HELLO,
        (CLIENT, b"STARTTLS\r\nMAIL FROM:<a>\r\nRCPT TO:b\r\nDATA\r\nRSET\r\n"),
        (SERVER, b"454 no\r\n250 x\r\n250 x\r\n503 no\r\n250 x\r\n"),
    ]
    (one,) = mails(says)
    assert (one.sender, one.recipients, one.outcome) == ("a", ("b",), "")


def test_many_recipients_are_counted() -> None:
    says = [*HELLO, (CLIENT, b"MAIL FROM:<a>\r\n" + b"RCPT TO:<b@c>\r\n" * 500)]
    (one,) = mails(says)
    assert (len(one.recipients), one.count) == (MOST_RECIPIENTS, 500)


def test_a_reset_before_the_answer() -> None:
    says = [
        *HELLO,
        (CLIENT, b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nBDAT 1 LAST\r\nxRSET\r\n"),
        (SERVER, b"250 ok\r\n250 ok\r\n250 queued\r\n250 ok\r\n"),
    ]
    assert [one.outcome for one in mails(says)] == ["success"]


def test_an_empty_mail() -> None:
    says = [*HELLO, (CLIENT, b"MAIL FROM:<a>\r\nDATA\r\n"), (SERVER, b"250 x\r\n354 go\r\n")]
    says += [(CLIENT, b".\r\nMAIL FROM:<b>\r\n"), (SERVER, b"250 ok\r\n")]
    assert [one.sender for one in mails(says)] == ["a", "b"]
    same_however_cut(SmtpTalk, says)


def test_a_real_client() -> None:
    secret = secrets.token_urlsafe(8)
    good = base64.b64encode(f"\0siti\0{secret}".encode()).decode()
    answers = [
        ("ehlo", b"250-x\r\n250 AUTH PLAIN\r\n"),
        (f"AUTH PLAIN {good}", b"235 in\r\n"),
        ("AUTH", b"535 no\r\n"),
        ("data", b"354 go\r\n"),
        ("\\.\r", b"250 queued\r\n"),
        ("mail|rcpt", b"250 ok\r\n"),
        ("quit", b"221 bye\r\n"),
    ]
    with Scripted(b"220 test ready\r\n", answers) as server, Overheard(server.port) as tap:
        client = smtplib.SMTP("127.0.0.1", tap.port, "here", timeout=PATIENCE)
        client.login("siti", secret)
        client.sendmail("a@b", ["c@d", "e@f"], "Subject: x\r\n\r\n.hello\r\n")
        client.quit()
    assert logins(tap.said) == [("plain", "siti", secret.encode(), "success")]
    (mail,) = mails(tap.said)
    assert (mail.sender, mail.recipients, mail.outcome) == ("a@b", ("c@d", "e@f"), "success")


@given(mutated(TWO_MAILS))
def test_a_changed_conversation(says: list[Says]) -> None:
    holds_for_anything(SmtpTalk, says)


@given(
    noise(
        b"EHLO a\r\n",
        b"AUTH PLAIN AGEAYg==\r\n",
        b"STARTTLS\r\n",
        b"MAIL FROM:<a>\r\n",
        b"DATA\r\n",
        b"BDAT 5\r\n",
        b".\r\n",
        b"220 x\r\n",
        b"334 \r\n",
        b"354 x\r\n",
    )
)
def test_noise(says: list[Says]) -> None:
    holds_for_anything(SmtpTalk, says)


def test_no_memory_without_end() -> None:
    heard = Heard(SmtpTalk)
    heard.take([*HELLO, (CLIENT, b"DATA\r\n" + b"x" * 1_000_000)], 1400)
    heard.end()
