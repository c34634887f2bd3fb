"""Microsoft SQL Server: TDS prelogin, login and its answer; an agreed cipher is handed on.

Source: MS-TDS (Open Specifications). The password of LOGIN7 is only stirred (2.2.6.4): each byte
has its halves swapped and is XORed with 0xA5, so it counts as clear. TLS is spoken inside of TDS
packets until its handshake is over.
"""

from __future__ import annotations

from collectors.network.model import Conn, Conversation, Login
from collectors.network.protocols.cutting import Frames
from collectors.network.protocols.sasl import ntlm_user, wide
from collectors.network.protocols.talk import ALONE, Around, CutTalk

_LOGIN7, _PRELOGIN, _ANSWER, _SSPI = 0x10, 0x12, 0x04, 0x11
_TYPES = frozenset((0x01, 0x02, 0x03, 0x04, 0x06, 0x07, 0x08, 0x0E, 0x10, 0x11, 0x12))
_MOST_LOGIN = 16384
_UNSTIRRED = bytes(((byte ^ 0xA5) >> 4 | (byte ^ 0xA5) << 4) & 0xFF for byte in range(256))
_ERROR, _INFO, _LOGINACK, _ENVCHANGE, _SSPI_TOKEN = 0xAA, 0xAB, 0xAD, 0xE3, 0xED
_SIZED = frozenset((_ERROR, _INFO, _LOGINACK, _ENVCHANGE, _SSPI_TOKEN))


def _measure(head: bytes) -> int:
    if len(head) < 4:
        return 0
    size = int.from_bytes(head[2:4], "big")
    return size if head[0] in _TYPES and size >= 8 else -1


def unstirred(raw: bytes) -> bytes:
    """Return the password of a LOGIN7, in UTF-16."""
    return raw.translate(_UNSTIRRED)


class MssqlTalk(CutTalk):
    """The connection until the login is answered."""

    protocol = "mssql"

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        self._frames = Frames(_measure, _MOST_LOGIN), Frames(_measure, _MOST_LOGIN)
        super().__init__(conn, around, *self._frames)
        self._parts = {True: b"", False: b""}
        self._tls: Conversation | None = None
        self._prelogins = 0

    def _command(self, frame: bytes, at: int) -> None:
        if frame[0] == _PRELOGIN:
            if frame[8:9] == b"\x16":
                self._cipher(frame[8:], True, at)
            return
        message = self._message(frame, True)
        if message is None:
            return
        if frame[0] == _LOGIN7:
            self._log_in(message, at)
        elif frame[0] == _SSPI and self._login is not None:
            self._login = _named(self._login, ntlm_user(message))
        else:
            self._stop(at)

    def _reply(self, frame: bytes, at: int) -> None:
        if frame[0] == _PRELOGIN or frame[8:9] in {b"\x16", b"\x14"}:
            self._cipher(frame[8:], False, at)
            return
        message = self._message(frame, False)
        if message is None:
            return
        if not self._prelogins and message[:1] == b"\0":
            self._prelogins = 1
            version = _prelogin_version(message)
            if version:
                self._banner(b"Microsoft SQL Server " + version, False, at)
        elif self._login is not None:
            self._tokens(message, at)

    def _message(self, frame: bytes, from_client: bool) -> bytes | None:
        """Return a message once its last packet is there."""
        whole = self._parts[from_client] + frame[8:]
        if frame[1] & 1 or len(whole) > _MOST_LOGIN:
            self._parts[from_client] = b""
            return whole
        self._parts[from_client] = whole
        return None

    def _cipher(self, data: bytes, from_client: bool, at: int) -> None:
        """Hand on a piece of the TLS handshake; what follows it is not clear."""
        self.ciphered = True
        if self._tls is None and self._around.upgrade is not None:
            self._tls = self._around.upgrade("tls", self.conn)
        if self._tls is not None:
            take = self._tls.client if from_client else self._tls.server
            self._out.extend(take(data, at))

    def _log_in(self, message: bytes, at: int) -> None:
        user, database = _string(message, 40), _string(message, 68)
        secret = _password(message)
        trusted = not user and len(message) > 27 and message[25] & 0x80
        login = Login(
            conn=self.conn,
            at=at,
            protocol="mssql",
            user=user,
            secret=secret,
            cleartext=bool(secret),
            method="windows" if trusted else "password",
            database=database,
        )
        self._tried(_named(login, ntlm_user(message)))
        program = _string(message, 48)
        if program:
            self._banner(program.encode("utf-8", "replace"), True, at)

    def _tokens(self, message: bytes, at: int) -> None:
        """Look for the answer among the tokens of a message."""
        place = 0
        while place + 3 <= len(message) and message[place] in _SIZED:
            if message[place] in {_LOGINACK, _ERROR}:
                self._settle("success" if message[place] == _LOGINACK else "failure")
                self._stop(at)
                return
            place += 3 + int.from_bytes(message[place + 1 : place + 3], "little")

    def _end(self, at: int) -> None:
        if self._tls is not None:
            self._out.extend(self._tls.end(at))


def _named(login: Login, user: str) -> Login:
    if not user or login.user:
        return login
    return Login(
        conn=login.conn,
        at=login.at,
        protocol="mssql",
        user=user,
        method="ntlm",
        database=login.database,
    )


def _prelogin_version(message: bytes) -> bytes:
    """Return the first option of a PRELOGIN answer, the version: major, minor, build."""
    place = int.from_bytes(message[1:3], "big")
    raw = message[place : place + 4]
    if len(raw) < 4:
        return b""
    return b"%d.%d.%d" % (raw[0], raw[1], int.from_bytes(raw[2:4], "big"))


def _raw(message: bytes, field: int) -> bytes:
    start = int.from_bytes(message[field : field + 2], "little")
    size = int.from_bytes(message[field + 2 : field + 4], "little") * 2
    return message[start : start + min(size, 512)] if start >= 36 else b""


def _string(message: bytes, field: int) -> str:
    return wide(_raw(message, field))[:256]


def _password(message: bytes) -> bytes:
    return wide(unstirred(_raw(message, 44))).encode("utf-8", "replace")[:256]
