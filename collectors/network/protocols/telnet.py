"""Telnet, RFC 854: logins by their prompts, in English and Indonesian; the rest is a screen.

Nothing in the protocol says what is a name and what a password: the last words of the server
before the client ends a line do. How it went is guessed from what the server says next.
"""

from __future__ import annotations

import re

from collectors.network.model import Conn, Login
from collectors.network.protocols.talk import ALONE, Around, Talk, text

_IAC, _SB, _SE = 0xFF, 0xFA, 0xF0
_ANY = b"\xff\0\b\x7f\a"
_MOST_TAIL = 512
_MOST_TYPED = 256
_LONGEST_GREETING = 1024

_ASKS_USER = re.compile(rb"(?i)(?:login|user ?name|user|account|nama pengguna)[ ]*:[ ]*\Z")
_ASKS_SECRET = re.compile(rb"(?i)(?:password|passcode|sandi)[^\n]{0,40}:[ ]*\Z")
_BAD = re.compile(rb"(?i)incorrect|fail|denied|invalid|bad |wrong|gagal|salah|refused")
_GOOD = re.compile(rb"(?i)last login|welcome|selamat datang|logged in")
_SHELL = re.compile(rb"[$#>%][ ]?\Z")


class Screen:
    """Takes the commands of the protocol out of one direction."""

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = 0
        """0: text, 1: after IAC, 2: an option follows, 3: in a subnegotiation, 4: IAC in it."""

    def text(self, data: bytes) -> bytes:
        """Return the text in *data*, RFC 854 and 855."""
        if not self._state and _IAC not in data:
            return data
        out = bytearray()
        for byte in data:
            if self._state == 0:
                if byte == _IAC:
                    self._state = 1
                else:
                    out.append(byte)
            else:
                self._command(byte, out)
        return bytes(out)

    def _command(self, byte: int, out: bytearray) -> None:
        if self._state == 1:
            self._state = 0
            if byte == _IAC:
                out.append(byte)
            elif byte == _SB:
                self._state = 3
            elif byte > _SB:
                self._state = 2
        elif self._state == 2:
            self._state = 0
        elif self._state == 3:
            self._state = 4 if byte == _IAC else 3
        else:
            self._state = 0 if byte == _SE else 3


class TelnetTalk(Talk):
    """One connection."""

    protocol = "telnet"

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around)
        self._screens = {True: Screen(), False: Screen()}
        self._typed = bytearray()
        self._shown = b""
        """The line that the server is writing."""
        self._greeting: bytes | None = b""
        self._user = ""
        self._answers = 0

    def _take(self, from_client: bool, data: bytes, at: int) -> None:
        clear = self._screens[from_client].text(data)
        if from_client:
            self._type(clear, at)
        else:
            self._show(clear)

    def _type(self, data: bytes, at: int) -> None:
        typed = self._typed
        for byte in data:
            if byte in b"\r\n":
                if typed or byte == 0x0D:
                    self._line(bytes(typed), at)
                    typed.clear()
            elif byte in b"\b\x7f":
                del typed[-1:]
            elif byte and len(typed) < _MOST_TYPED:
                typed.append(byte)

    def _line(self, line: bytes, at: int) -> None:
        """Take a line of the client: what it means depends on what was asked."""
        shown = self._shown
        self._greet(at)
        if _ASKS_SECRET.search(shown):
            self._tried(
                Login(
                    conn=self.conn,
                    at=at,
                    protocol="telnet",
                    user=self._user,
                    secret=line,
                    cleartext=bool(line),
                    method="password",
                )
            )
            self._shown = b""
        elif _ASKS_USER.search(shown):
            self._settle("failure")  # asked again
            self._user = text(line)
            self._shown = b""
        elif self._login is not None:
            self._settle("success" if _SHELL.search(shown.rstrip()) else "")

    def _show(self, data: bytes) -> None:
        if self._greeting is not None:
            self._greeting = (self._greeting + data)[:_LONGEST_GREETING]
        *lines, last = (self._shown + data.replace(b"\0", b"")).split(b"\n")
        for whole in lines:
            line = whole[-_MOST_TAIL:]
            if self._login is None:
                break
            if _BAD.search(line):
                self._settle("failure")
            elif _GOOD.search(line):
                self._settle("success")
        self._shown = last[-_MOST_TAIL:]

    def _greet(self, at: int) -> None:
        greeting, self._greeting = self._greeting, None
        if greeting:
            lines = [line.strip() for line in greeting.replace(b"\0", b"").split(b"\n")]
            shown = b" ".join(line for line in lines if line and not _ASKS_USER.search(line))
            self._banner(shown, False, at)

    def _end(self, at: int) -> None:
        self._greet(at)
        if self._login is not None and _SHELL.search(self._shown.rstrip()):
            self._settle("success")
        elif self._login is not None and _ASKS_USER.search(self._shown):
            self._settle("failure")
