"""FTP, RFC 959: banner, logins and how they went; AUTH TLS (RFC 4217) hands on."""

from __future__ import annotations

from collectors.network.model import Conn, Login
from collectors.network.protocols.talk import ALONE, Around, LineTalk, command, text


class FtpTalk(LineTalk):
    """One control connection."""

    protocol = "ftp"

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around)
        self._greeted = False
        self._user = ""
        self._cipher = False

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
            if self._login is None and self._user:  # no password was asked for
                self._tried(
                    Login(conn=self.conn, at=at, protocol="ftp", user=self._user, method="none")
                )
            self._settle("success")
        elif code.startswith((b"5", b"430")):
            self._settle("failure")

    def _give_up_waiting(self, at: int) -> None:  # noqa: ARG002
        self._go_over("tls")
