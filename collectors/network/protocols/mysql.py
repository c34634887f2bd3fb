"""MySQL and MariaDB: greeting, login and its answer; after a request for TLS it is handed on.

Source: the vendor's "Client/Server Protocol" (dev.mysql.com/doc/dev/mysql-server), packets of the
connection phase.
"""

from __future__ import annotations

from msgspec.structs import replace

from collectors.network.model import Conn, Login
from collectors.network.protocols.cutting import Frames
from collectors.network.protocols.talk import ALONE, Around, CutTalk, text

_WITH_DB, _PROTOCOL_41, _TLS = 0x8, 0x200, 0x800
_SECURE, _PLUGIN, _LENGTH_CODED = 0x8000, 0x80000, 0x200000
_CLEAR, _OLD = "mysql_clear_password", "mysql_old_password"


def _measure(head: bytes) -> int:
    return 4 + int.from_bytes(head[:3], "little") if len(head) >= 4 else 0


class MysqlTalk(CutTalk):
    """The connection phase."""

    protocol = "mysql"

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around, Frames(_measure), Frames(_measure))
        self._greeted = False

    def _reply(self, frame: bytes, at: int) -> None:
        payload = frame[4:]
        if not self._greeted:
            self._greeted = True
            if payload[:1] == b"\n":
                self._banner(payload[1:257].partition(b"\0")[0], False, at)
            else:
                self._banner(payload[3:], False, at)
                self._stop(at)
            return
        if self._login is None or not payload:
            return
        kind = payload[0]
        if kind == 0xFE:  # another method is asked for
            name = text(payload[1:].partition(b"\0")[0], 64) or _OLD
            self._login = replace(self._login, method=name)
        elif kind in {0x00, 0xFF}:
            self._settle("failure" if kind else "success")
            self._stop(at)

    def _command(self, frame: bytes, at: int) -> None:
        payload = frame[4:]
        if self._login is not None:
            if self._login.method == _CLEAR and not self._login.secret:
                secret = payload.rstrip(b"\0")[:256]
                self._login = replace(self._login, secret=secret, cleartext=bool(secret))
            return
        flags = int.from_bytes(payload[:4], "little")
        if flags & _TLS and flags & _PROTOCOL_41 and len(payload) == 32:
            self._go_over("tls")
        elif flags & _PROTOCOL_41 and len(payload) > 32:
            self._log_in(payload, flags, at)
        elif len(payload) > 5:
            self._told_login(at, payload[5:], b"", b"", _OLD)
        else:
            self._stop(at)

    def _log_in(self, payload: bytes, flags: int, at: int) -> None:
        """HandshakeResponse41: name, answer to the challenge, database, method."""
        name, _, rest = payload[32:].partition(b"\0")
        if flags & _LENGTH_CODED:
            size, rest = _length_coded(rest)
            answer, rest = rest[:size], rest[size:]
        elif flags & _SECURE:
            size = rest[0] if rest else 0
            answer, rest = rest[1 : 1 + size], rest[1 + size :]
        else:
            answer, _, rest = rest.partition(b"\0")
        database = b""
        if flags & _WITH_DB:
            database, _, rest = rest.partition(b"\0")
        method = text(rest.partition(b"\0")[0], 64) if flags & _PLUGIN else ""
        self._told_login(at, name, answer, database, method or "mysql_native_password")

    def _told_login(
        self, at: int, name: bytes, answer: bytes, database: bytes, method: str
    ) -> None:
        secret = answer.rstrip(b"\0")[:256] if method == _CLEAR else b""
        self._tried(
            Login(
                conn=self.conn,
                at=at,
                protocol="mysql",
                user=text(name.partition(b"\0")[0]),
                secret=secret,
                cleartext=bool(secret),
                method=method,
                database=text(database),
            )
        )


def _length_coded(data: bytes) -> tuple[int, bytes]:
    """Return a number of variable length, and what follows it."""
    first = data[0] if data else 0
    width = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first, 0)
    if not width:
        return first, data[1:]
    return int.from_bytes(data[1 : 1 + width], "little"), data[1 + width :]
