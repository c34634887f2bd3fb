"""SMTP, RFC 5321: banner, who mails whom, AUTH (RFC 4954); STARTTLS (RFC 3207) hands on.

The text of a mail is passed over here; it is content.
"""

from __future__ import annotations

import re
from collections import deque

from msgspec.structs import replace

from collectors.network.model import Conn, Login, Mail
from collectors.network.protocols.sasl import Sasl
from collectors.network.protocols.talk import ALONE, Around, LineTalk, command, text

MOST_RECIPIENTS = 32
MOST_WAITING = 256

_PATH = re.compile(rb"(?i)(?:FROM|TO):\s*(?:<([^>]*)>|(\S+))")
_END = b"\r\n.\r\n"
_SENT = "sent"
"""The text of a mail is over; answered like a command."""


class SmtpTalk(LineTalk):
    """One connection of a client or another server to a mail server."""

    protocol = "smtp"

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around)
        self._greeted = False
        self._helo = ""
        self._mail: Mail | None = None
        self._sasl: Sasl | None = None
        self._waiting: deque[str] = deque()
        """Commands that are not answered yet: a client may send several at once, RFC 2920."""
        self._posted: deque[Mail | None] = deque(maxlen=MOST_WAITING)

    def _command(self, line: bytes, at: int) -> None:
        if self._sasl is not None:
            self._answer(line, at)
            return
        word, rest = command(line)
        if word in {"EHLO", "HELO", "LHLO"}:
            self._told_mail()
            if text(rest) != self._helo:
                self._helo = text(rest)
                self._banner(rest, True, at)
        elif word in {"MAIL", "RCPT"}:
            self._path(word, rest, at)
        elif word in {"DATA", "STARTTLS"}:
            self._wait()
        elif word == "BDAT":
            word = self._chunk(rest)
        elif word == "AUTH":
            self._log_in(rest, at)
        elif word in {"RSET", "QUIT"}:
            self._told_mail()
        self._waiting.append(word)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()

    def _chunk(self, rest: bytes) -> str:
        """A part of a mail, RFC 3030."""
        size, _, last = rest.partition(b" ")
        if size.isdigit() and len(size) < 12:
            self._lines.discard(int(size))
        if last.strip().upper() != b"LAST":
            return "BDAT"
        self._post()
        return _SENT

    def _log_in(self, rest: bytes, at: int) -> None:
        mechanism, _, first = rest.partition(b" ")
        self._sasl = Sasl(text(mechanism, 32))
        if first.strip():
            self._sasl.coded(first)
        self._offer(at)

    def _post(self) -> None:
        """The mail is on its way; the next one may begin before the answer."""
        self._posted.append(self._mail)
        self._mail = None

    def _path(self, word: str, rest: bytes, at: int) -> None:
        found = _PATH.match(rest)
        if found is None:
            return
        name = text(found[1] if found[1] is not None else found[2])
        if word == "MAIL":
            self._told_mail()
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
        elif self._waiting and code != b"334":
            self._answered(self._waiting.popleft(), code, at)

    def _answered(self, word: str, code: bytes, at: int) -> None:
        good = code.startswith(b"2")
        if word == "AUTH":
            self._sasl = None
            self._settle("success" if good else "failure")
        elif word == "STARTTLS":
            if good:
                self._go_over("tls")
            else:
                self._go_on(at)
        elif word == "DATA":
            if code == b"354":
                self._lines.until(_END)
                self._waiting.append(_SENT)
                self._post()
            self._go_on(at)
        elif word == _SENT:
            posted = self._posted.popleft() if self._posted else None
            if posted is not None:
                self._out.append(replace(posted, outcome="success" if good else "failure"))
        elif self._mail is not None and code.startswith(b"5"):
            self._mail = replace(self._mail, refused=self._mail.refused + 1)

    def _give_up_waiting(self, at: int) -> None:
        word = self._waiting.pop() if self._waiting else ""
        self._waiting.clear()
        self._answered(word, b"354" if word == "DATA" else b"220", at)
        if not self.over:
            self._go_on(at)

    def _gap(self, from_client: bool, size: int, at: int) -> None:
        super()._gap(from_client, size, at)
        self._waiting.clear()
        self._out.extend(mail for mail in self._posted if mail is not None)
        self._posted.clear()

    def _told_mail(self) -> None:
        """Tell a mail that was not sent."""
        mail, self._mail = self._mail, None
        if mail is not None:
            self._out.append(mail)

    def _end(self, at: int) -> None:  # noqa: ARG002
        self._out.extend(mail for mail in self._posted if mail is not None)
        self._posted.clear()
        self._told_mail()
