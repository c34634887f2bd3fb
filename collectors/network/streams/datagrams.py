"""UDP that nobody knows: its first bytes each way, for those who look at shapes."""

from __future__ import annotations

from collections import OrderedDict

from collectors.network.model import Conn, Seen, Stream

MOST = 512
WAIT = 5_000_000_000
"""ns that an answer is waited for."""


class _Begun:
    __slots__ = ("at", "client", "conn", "server", "shown")

    def __init__(self, conn: Conn, at: int) -> None:
        self.conn = conn
        self.at = at
        self.client = b""
        self.server = b""
        self.shown = False


class Unknown:
    """Conversations over UDP in no known protocol; bounded, the oldest go first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._begun: OrderedDict[int, _Begun] = OrderedDict()
        self._evicted = 0

    def evicted(self) -> int:
        """Return how many were forgotten for want of room."""
        return self._evicted

    def datagram(self, conn: Conn, from_client: bool, payload: bytes, at: int) -> list[Seen]:
        """Keep the first datagram of each end."""
        one = self._begun.get(conn.key)
        out: list[Seen] = []
        if one is None:
            if len(self._begun) >= self._most:
                _, oldest = self._begun.popitem(last=False)
                self._evicted += 1
                out = self._show(oldest)
            one = self._begun[conn.key] = _Begun(conn, at)
        if one.shown:
            return out
        if from_client:
            one.client = one.client or payload[:MOST]
        else:
            one.server = one.server or payload[:MOST]
        if one.client and one.server:
            out += self._show(one)
        return out

    def silence(self, conn: Conn, at: int) -> None:
        """Take note that somebody else reads a conversation: it is not unknown."""
        one = self._begun.get(conn.key)
        if one is None:
            self.datagram(conn, True, b"", at)
            one = self._begun[conn.key]
        one.shown = True
        one.client = one.server = b""

    def expire(self, now: int) -> list[Seen]:
        """Tell of those that have no answer."""
        out: list[Seen] = []
        for one in self._begun.values():
            if one.shown:
                continue
            if now - one.at < WAIT:
                break
            out += self._show(one)
        return out

    def end(self, key: int, at: int) -> list[Seen]:  # noqa: ARG002 - part of the contract
        """Forget one conversation."""
        one = self._begun.pop(key, None)
        return self._show(one) if one is not None else []

    @staticmethod
    def _show(one: _Begun) -> list[Seen]:
        if one.shown:
            return []
        one.shown = True
        shown = Stream(conn=one.conn, at=one.at, client=one.client, server=one.server)
        one.client = one.server = b""
        return [shown]
