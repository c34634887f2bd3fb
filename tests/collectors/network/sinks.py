"""Stands in for the streams: keeps what it is handed."""

from __future__ import annotations

from collectors.network.model import Conn, Seen


class Kept:
    """Keeps segments, datagrams and ends."""

    def __init__(self) -> None:
        self.segments: list[tuple[Conn, bool, int, int, bytes, int]] = []
        self.datagrams: list[tuple[Conn, bool, bytes, int]] = []
        self.ended: list[int] = []

    def segment(  # noqa: PLR0917 - the header of a segment
        self, conn: Conn, from_client: bool, seq: int, flags: int, payload: bytes, at: int
    ) -> None:
        """Keep a segment."""
        self.segments.append((conn, from_client, seq, flags, payload, at))

    def datagram(self, conn: Conn, from_client: bool, payload: bytes, at: int) -> None:
        """Keep a datagram."""
        self.datagrams.append((conn, from_client, payload, at))

    def end(self, key: int, at: int) -> None:
        """Keep the end."""
        self.ended.append(key)

    def drain(self) -> list[Seen]:
        """Return nothing."""
        return []
