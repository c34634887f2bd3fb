"""SOCKS 4, 4a and 5 (RFC 1928), logins to a proxy (RFC 1929); what is carried is handed on."""

from __future__ import annotations

from collections.abc import Callable

from collectors.network.model import Conn, Login
from collectors.network.protocols.cutting import Frames
from collectors.network.protocols.talk import ALONE, Around, CutTalk, text

_LOOK = 600
"""Bytes in which a request of version 4 ends: two names of 255."""


def _greeting(head: bytes) -> int:
    """Version 5: ways to log in. Version 4: command, port, address, user, and for 4a a name."""
    if head[0] == 5:
        return 2 + head[1] if len(head) >= 2 else 0
    if head[0] != 4:
        return -1
    end = head.find(b"\0", 8)
    if end >= 0 and head[4:7] == b"\0\0\0" and head[7]:
        end = head.find(b"\0", end + 1)
    return max(0, end + 1)


def _login(head: bytes) -> int:
    """Version 1 and a name; the password is taken as a frame of its own."""
    return 2 + head[1] if len(head) >= 2 else 0


def _secret(head: bytes) -> int:
    return 1 + head[0]


def _target(head: bytes) -> int:
    """Version, command or answer, nothing, an address of one of three kinds, port."""
    if len(head) < 5:
        return 0
    if head[3] == 3:
        return 7 + head[4]
    return {1: 10, 4: 22}.get(head[3], -1)


def _old(head: bytes) -> int:  # noqa: ARG001 - one form for all
    return 8


def _two(head: bytes) -> int:  # noqa: ARG001 - one form for all
    return 2


class SocksTalk(CutTalk):
    """A connection through a proxy."""

    protocol = "socks"
    recorded = False

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        self._from_client, self._from_server = Frames(_greeting, look=_LOOK), Frames(_two)
        super().__init__(conn, around, self._from_client, self._from_server)
        self._step = "greeting"
        self._user = ""

    def _command(self, frame: bytes, at: int) -> None:
        client = self._from_client
        if self._step == "greeting":
            if frame[0] == 4:
                self._from_server.measure, self._step = _old, "old"
            self._wait()
        elif self._step == "login":
            self._user = text(frame[2:])
            client.measure, self._step = _secret, "secret"
        elif self._step == "secret":
            secret = frame[1:]
            self._tried(
                Login(
                    conn=self.conn,
                    at=at,
                    protocol="socks",
                    user=self._user,
                    secret=secret,
                    cleartext=bool(secret),
                    method="password",
                )
            )
            self._wait()
        else:
            self._from_server.measure = _target
            self._wait()

    def _reply(self, frame: bytes, at: int) -> None:
        if self._step == "greeting":
            step, measure = _STEPS.get(frame[1], ("", _two))
            if not step or frame[0] != 5:
                self._stop(at)
                return
            self._step, self._from_client.measure = step, measure
        elif self._step == "secret":
            self._settle("failure" if frame[1] else "success")
            self._step, self._from_client.measure = "target", _target
        elif frame[1] == _GRANTED.get(self._from_server.measure):
            self._go_over("")
            return
        else:
            self._stop(at)
            return
        self._go_on(at)


_GRANTED: dict[Callable[[bytes], int], int] = {_target: 0, _old: 0x5A}
_STEPS = {0: ("target", _target), 2: ("login", _login)}
