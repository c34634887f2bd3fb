"""FTP, RFC 959: banner, logins and how they went; AUTH TLS (RFC 4217) hands on.

Where a data connection will be opened is told to who surrounds the parser; the address is that of
the control connection, for a server behind NAT tells another one.
"""

from __future__ import annotations

import re

from collectors.network.model import Conn, Login
from collectors.network.protocols.talk import ALONE, Around, LineTalk, command, text

_SIX = re.compile(rb"\d{1,3},\d{1,3},\d{1,3},\d{1,3},(\d{1,3}),(\d{1,3})")
_ONE = re.compile(rb"\|(\d{1,5})\|")


class FtpTalk(LineTalk):
    """One control connection."""

    protocol = "ftp"

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around)
        self._greeted = False
        self._user = ""
        self._cipher = False
        self._in = False

    def _command(self, line: bytes, at: int) -> None:
        word, rest = command(line)
        if word == "USER":
            self._user = text(rest)
        elif word == "PASS":
            secret = rest[:256]
            self._tried(
                Login(
                    conn=self.conn,
                    at=at,
                    protocol="ftp",
                    user=self._user,
                    secret=secret,
                    cleartext=bool(secret),
                    method="password",
                )
            )
        elif word in {"PORT", "EPRT"}:
            self._expect(self.conn.client, _port(rest))
        elif word == "AUTH":
            self._cipher = True
            self._wait()

    def _reply(self, line: bytes, at: int) -> None:
        code = line[:3]
        if not code.isdigit() or line[3:4] == b"-":
            return
        if self._cipher:
            self._cipher = False
            if code in {b"234", b"334"}:
                self._go_over("tls")
            else:
                self._go_on(at)
        elif not self._greeted:
            self._greeted = True
            self._banner(line[4:], False, at)
        elif code in {b"230", b"202", b"232"}:
            if self._login is None and self._user and not self._in:  # without a password
                self._tried(
                    Login(conn=self.conn, at=at, protocol="ftp", user=self._user, method="none")
                )
            self._settle("success")
            self._in = True
        elif code in {b"227", b"229"}:
            self._expect(self.conn.server, _port(line[3:]))
        elif code.startswith((b"5", b"430")):
            self._settle("failure")

    def _expect(self, address: bytes, port: int) -> None:
        if port and self._around.expect is not None:
            self._around.expect(address, port)

    def _give_up_waiting(self, at: int) -> None:  # noqa: ARG002
        self._go_over("tls")


def _port(told: bytes) -> int:
    """Return the port of a data connection: of six numbers (RFC 959), or as RFC 2428 has it."""
    found = _SIX.search(told)
    if found:
        high, low = int(found[1]), int(found[2])
        return high << 8 | low if high < 256 and low < 256 else 0
    ports = _ONE.findall(told)
    return int(ports[-1]) if ports and int(ports[-1]) < 65536 else 0
