"""PostgreSQL: start-up, login and its answer; after a request for TLS it is handed on.

Source: PostgreSQL documentation, chapter "Frontend/Backend Protocol", version 3.
"""

from __future__ import annotations

from msgspec.structs import replace

from collectors.network.model import Conn, Login
from collectors.network.protocols.cutting import Frames
from collectors.network.protocols.sasl import Sasl
from collectors.network.protocols.talk import ALONE, Around, CutTalk, text

_CANCEL, _TLS, _GSS = 0x04D2162E, 0x04D2162F, 0x04D21630
_METHODS = {2: "kerberos", 3: "password", 5: "md5", 7: "gss", 9: "sspi"}
_LONGEST_START = 10_000
_LONGEST = 1 << 30
_MOST_PARAMETERS = 32
_AUTH = frozenset(b"RESNvKZ")
"""Messages of a server before it is ready."""


def _start(head: bytes) -> int:
    """The first message of a client has no type."""
    if len(head) < 4:
        return 0
    size = int.from_bytes(head[:4], "big")
    return size if 8 <= size <= _LONGEST_START else -1


def _typed(head: bytes) -> int:
    if len(head) < 5:
        return 0
    size = int.from_bytes(head[1:5], "big")
    return 1 + size if 4 <= size <= _LONGEST else -1


def _one(head: bytes) -> int:  # noqa: ARG001 - one form for all
    """The answer to a request for a cipher is one byte."""
    return 1


class PostgresqlTalk(CutTalk):
    """The connection from its start until it is ready for queries."""

    protocol = "postgresql"

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        self._from_client = Frames(_start)
        self._from_server = Frames(_typed)
        super().__init__(conn, around, self._from_client, self._from_server)
        self._asked = 0
        self._started = False
        self._granted = False
        self._sasl: Sasl | None = None

    def _command(self, frame: bytes, at: int) -> None:
        if self._started:
            if frame[:1] == b"p":
                self._password(frame[5:])
            return
        code = int.from_bytes(frame[4:8], "big")
        if code in {_TLS, _GSS}:
            self._asked = code
            self._from_server.measure = _one
            self._wait()
        elif code >> 16 == 3:
            self._begin(frame[8:], at)
        else:
            self._stop(at)

    def _begin(self, raw: bytes, at: int) -> None:
        self._started = True
        self._from_client.measure = _typed
        words = raw.split(b"\0", 2 * _MOST_PARAMETERS)
        named = dict(zip(words[0::2], words[1::2], strict=False))
        user = text(named.get(b"user", b""))
        self._tried(
            Login(
                conn=self.conn,
                at=at,
                protocol="postgresql",
                user=user,
                method="trust",
                database=text(named.get(b"database", b"")) or user,
            )
        )

    def _password(self, payload: bytes) -> None:
        if self._login is None:
            return
        if self._login.method == "password":
            secret = payload.partition(b"\0")[0][:256]
            self._login = replace(self._login, secret=secret, cleartext=bool(secret))
        elif self._sasl is None and self._login.method == "sasl":
            name = text(payload.partition(b"\0")[0], 32)
            self._sasl = Sasl(name)
            self._login = replace(self._login, method=name.lower())

    def _reply(self, frame: bytes, at: int) -> None:
        kind, payload = frame[:1], frame[5:]
        if self._asked:
            self._answered(kind, at)
        elif kind == b"R":
            self._challenge(int.from_bytes(payload[:4], "big"))
        elif kind == b"E":  # even after a password that was right: no such role or database
            self._settle("failure")
            self._stop(at)
        elif kind == b"S":
            self._end(at)
            name, _, rest = payload.partition(b"\0")
            if name == b"server_version":
                self._banner(b"PostgreSQL " + rest.partition(b"\0")[0], False, at)
        elif kind == b"Z" or kind[0] not in _AUTH:
            self._stop(at)

    def _answered(self, kind: bytes, at: int) -> None:
        asked, self._asked = self._asked, 0
        self._from_server.measure = _typed
        if kind == b"S" and asked == _TLS:
            self._go_over("tls")
        elif kind == b"N":
            self._go_on(at)
        else:
            self._stop(at)

    def _challenge(self, code: int) -> None:
        if self._login is None:
            return
        if code == 0:
            self._granted = True
        elif code == 10:
            self._login = replace(self._login, method="sasl")
        elif code in _METHODS:
            self._login = replace(self._login, method=_METHODS[code])

    def _end(self, at: int) -> None:  # noqa: ARG002
        if self._granted:
            self._settle("success")

    def _give_up_waiting(self, at: int) -> None:
        self._answered(b"S", at)
