"""What is spoken on the wire, one module for each protocol.

A parser is a pure function over bytes that returns what it understood, or None; it never raises and
never reads twice what it has read. Around it stands an object that keeps the little that has to be
kept: a `model.Conversation` for one TCP connection, or `Datagrams` for all that comes by UDP.
"""

from __future__ import annotations

from typing import Protocol

from collectors.network.model import Conn, Seen


class Datagrams(Protocol):
    """All conversations of one protocol over UDP. Bounded in number and bytes; never raises."""

    def datagram(self, conn: Conn, from_client: bool, payload: bytes, at: int) -> list[Seen]:
        """Take one datagram; return what is complete now."""

    def expire(self, now: int) -> list[Seen]:
        """Forget what has waited too long at *now*; return what is to be told of it.

        About once a second of packet time is often enough.
        """

    def end(self, key: int, at: int) -> list[Seen]:
        """Forget the conversation ``Conn.key``; return what is still to be told of it."""
