"""POP3 (RFC 1939, 5034) and IMAP (RFC 9051): banners and logins; STLS and STARTTLS hand on."""

from __future__ import annotations

import re

from collectors.network.model import Conn, Login
from collectors.network.protocols.claims import Claim
from collectors.network.protocols.cutting import LONGEST_LINE
from collectors.network.protocols.sasl import Sasl
from collectors.network.protocols.talk import ALONE, Around, LineTalk, command, text

_LITERAL = re.compile(rb"\{(\d{1,9})(\+?)\}\Z")
_STRING = re.compile(rb'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))')
_ESCAPED = re.compile(rb"\\(.)")
_LONGEST = 256


class _MailboxTalk(LineTalk):
    """What both have in common."""

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around)
        self._greeted = False
        self._sasl: Sasl | None = None
        self._cipher = False

    def _claimed(self, claim: Claim, at: int) -> None:
        self._login = Login(
            conn=self.conn,
            at=at,
            protocol=self.protocol,
            user=claim.user,
            secret=claim.secret,
            cleartext=claim.cleartext,
            method=claim.method,
        )

    def _password(self, user: str, secret: bytes, at: int) -> None:
        self._settle("")
        self._claimed(Claim("password", user, secret[:_LONGEST], cleartext=bool(secret)), at)

    def _begin(self, mechanism: bytes, first: bytes, at: int) -> None:
        self._settle("")
        self._sasl = Sasl(text(mechanism, 32))
        if first:
            self._sasl.coded(first)
        self._claimed(self._sasl.claim(), at)

    def _answer(self, line: bytes, at: int) -> None:
        if self._sasl is not None:
            self._sasl.coded(line)
            self._claimed(self._sasl.claim(), at)

    def _decided(self, good: bool) -> None:
        """Tell the login; after a good one nothing more is of interest here."""
        self._sasl = None
        if self._login is not None:
            self._settle("success" if good else "failure")
            self.over = good

    def _switch(self, good: bool, at: int) -> None:
        self._cipher = False
        if good:
            self._go_over("tls")
        else:
            self._go_on(at)

    def _give_up_waiting(self, at: int) -> None:
        self._switch(True, at)


class PopTalk(_MailboxTalk):
    """One connection of POP3."""

    protocol = "pop3"

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around)
        self._user = ""
        self._open = False
        """A password was sent, and its answer has not come."""

    def _command(self, line: bytes, at: int) -> None:
        if self._sasl is not None:
            self._answer(line, at)
            return
        word, rest = command(line)
        if word == "USER":
            self._user = text(rest)
        elif word == "PASS":
            self._password(self._user, rest, at)
            self._open = True
        elif word == "APOP":
            user = text(rest.partition(b" ")[0])
            self._claimed(Claim("apop", user, b"", cleartext=False), at)
            self._open = True
        elif word == "AUTH" and rest:
            mechanism, _, first = rest.partition(b" ")
            self._begin(mechanism, first.strip(), at)
        elif word == "STLS":
            self._cipher = True
            self._wait()

    def _reply(self, line: bytes, at: int) -> None:
        good = line.startswith(b"+OK")
        if not good and not line.startswith(b"-ERR"):
            return
        if not self._greeted:
            self._greeted = True
            self._banner(line[3:] if good else line[4:], False, at)
        elif self._cipher:
            self._switch(good, at)
        elif self._open or self._sasl is not None:
            self._open = False
            self._decided(good)


class ImapTalk(_MailboxTalk):
    """One connection of IMAP."""

    protocol = "imap"

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around)
        self._tag = b""
        self._parts: list[bytes] = []
        """The parts of a command that goes on after a literal."""
        self._literal = False

    def _command(self, line: bytes, at: int) -> None:
        if self._sasl is not None:
            self._answer(line, at)
            return
        if self._literal:
            self._literal = False
            self._parts.append(line)
            return
        found = _LITERAL.search(line)
        if found is None:
            whole = self._parts and [*self._parts, line]
            self._parts = []
            self._whole(whole or [line], at)
            return
        size = int(found[1])
        wanted = not self._parts or len(self._parts) < 4
        if (
            wanted
            and 0 < size <= LONGEST_LINE // 8
            and b"LOGIN" in (self._parts or [line])[0].upper()
        ):
            self._parts.append(line[: found.start()])
            self._literal = True
            self._lines.take(size)
        else:
            self._lines.discard(size)

    def _whole(self, parts: list[bytes], at: int) -> None:
        """Take a command; every second part of it was a literal."""
        tag, _, rest = parts[0].strip().partition(b" ")
        word, rest = command(rest)
        if word == "LOGIN":
            names = _strings([rest, *parts[1:]])
            if len(names) >= 2:
                self._tag = tag
                self._password(text(names[0]), names[1], at)
        elif word == "AUTHENTICATE":
            mechanism, _, first = rest.partition(b" ")
            self._tag = tag
            self._begin(mechanism, first.strip(), at)
        elif word == "STARTTLS":
            self._tag = tag
            self._cipher = True
            self._wait()

    def _reply(self, line: bytes, at: int) -> None:
        tag, _, rest = line.partition(b" ")
        if tag == b"*":
            if not self._greeted:
                self._greeted = True
                self._banner(rest.partition(b" ")[2], False, at)
            return
        if not self._tag or tag != self._tag:
            return
        self._tag = b""
        good = rest[:3].upper().strip() == b"OK"
        if self._cipher:
            self._switch(good, at)
        else:
            self._decided(good)


def _strings(parts: list[bytes]) -> list[bytes]:
    """Return the arguments of a command: atoms, quoted strings and literals."""
    out: list[bytes] = []
    for index, part in enumerate(parts):
        if index % 2:
            out.append(part)
            continue
        for quoted, atom in _STRING.findall(part):
            out.append(_ESCAPED.sub(rb"\1", quoted) if quoted else atom)
    return out
