"""SMTP, RFC 5321: banner, who mails whom, AUTH (RFC 4954); STARTTLS (RFC 3207) hands on.

The text of a mail is passed over here; it is content.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from collectors.network.model import Conn, Login, Mail
from collectors.network.protocols.sasl import Sasl
from collectors.network.protocols.talk import ALONE, Around, LineTalk, command, text

MOST_RECIPIENTS = 32

_PATH = re.compile(rb"(?i)(?:FROM|TO):\s*(?:<([^>]*)>|(\S+))")
_END = b"\r\n.\r\n"


class SmtpTalk(LineTalk):
    """One connection of a client or another server to a mail server."""

    protocol = "smtp"

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around)
        self._greeted = False
        self._helo = ""
        self._mail: Mail | None = None
        self._sasl: Sasl | None = None
        self._asked = ""
        self._sent = False

    def _command(self, line: bytes, at: int) -> None:
        if self._sasl is not None:
            self._answer(line, at)
            return
        word, rest = command(line)
        if word in {"EHLO", "HELO", "LHLO"}:
            self._helo = text(rest)
            self._told_mail("")
        elif word in {"MAIL", "RCPT"}:
            self._path(word, rest, at)
        elif word in {"DATA", "STARTTLS"}:
            self._asked = word
            self._wait()
        elif word == "BDAT":
            size, _, last = rest.partition(b" ")
            if size.isdigit() and len(size) < 12:
                self._lines.discard(int(size))
            self._sent = self._sent or last.strip().upper() == b"LAST"
        elif word == "AUTH":
            mechanism, _, first = rest.partition(b" ")
            self._sasl = Sasl(text(mechanism, 32))
            if first.strip():
                self._sasl.coded(first)
            self._offer(at)
        elif word in {"RSET", "QUIT"}:
            self._told_mail("")

    def _path(self, word: str, rest: bytes, at: int) -> None:
        found = _PATH.match(rest)
        if found is None:
            return
        name = text(found[1] if found[1] is not None else found[2])
        if word == "MAIL":
            self._told_mail("")
            self._mail = Mail(conn=self.conn, at=at, helo=self._helo, sender=name)
        elif self._mail is not None:
            mail = self._mail
            recipients = (*mail.recipients, name)[:MOST_RECIPIENTS]
            self._mail = replace(mail, recipients=recipients, count=mail.count + 1)

    def _answer(self, line: bytes, at: int) -> None:
        if self._sasl is None:
            return
        if line.strip() == b"*":  # taken back
            self._sasl = None
            self._settle("")
            return
        self._sasl.coded(line)
        self._offer(at)

    def _offer(self, at: int) -> None:
        """Note the login as far as it is known; the server says when it is whole."""
        if self._sasl is None:
            return
        claim = self._sasl.claim()
        self._login = Login(
            conn=self.conn,
            at=at,
            protocol="smtp",
            user=claim.user,
            secret=claim.secret,
            cleartext=claim.cleartext,
            method=claim.method,
        )

    def _reply(self, line: bytes, at: int) -> None:
        code = line[:3]
        if not code.isdigit() or line[3:4] == b"-":
            return
        if not self._greeted:
            self._greeted = True
            self._banner(line[4:], False, at)
        elif self._sasl is not None:
            if code != b"334":
                self._sasl = None
                self._settle("success" if code == b"235" else "failure")
        elif self._asked:
            self._asked_for(code, at)
        elif self._sent:
            self._sent = False
            self._told_mail("success" if code.startswith(b"2") else "failure")
        elif self._mail is not None and code.startswith(b"5"):
            self._mail = replace(self._mail, refused=self._mail.refused + 1)

    def _asked_for(self, code: bytes, at: int) -> None:
        asked, self._asked = self._asked, ""
        if asked == "STARTTLS" and code == b"220":
            self._go_over("tls")
            return
        if asked == "DATA" and code == b"354":
            self._lines.until(_END)
            self._sent = True
        self._go_on(at)

    def _give_up_waiting(self, at: int) -> None:
        self._asked_for(b"354" if self._asked == "DATA" else b"220", at)

    def _told_mail(self, outcome: str) -> None:
        mail, self._mail = self._mail, None
        self._sent = False
        if mail is not None:
            self._out.append(replace(mail, outcome=outcome))

    def _end(self, at: int) -> None:  # noqa: ARG002
        self._told_mail("")
