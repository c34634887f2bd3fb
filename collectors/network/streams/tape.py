"""What one end sends, kept as content: up to 64 KB of each direction.

A stream that pauses is handed over in parts, so that nothing waits for its end.
"""

from __future__ import annotations

from collectors.network.model import Conn, Content
from collectors.network.protocols.talk import Around

MOST_CONTENT = 65536
PAUSE = 5_000_000_000
"""ns of silence after which what was kept is handed over."""


class Tape:
    """What one end sent, up to 64 KB, within the budget of all."""

    __slots__ = (
        "_around",
        "_conn",
        "_from_client",
        "_last",
        "_pieces",
        "_protocol",
        "_room",
        "_size",
    )

    def __init__(self, conn: Conn, around: Around, protocol: str, from_client: bool) -> None:
        self._conn = conn
        self._around = around
        self._protocol = protocol
        self._from_client = from_client
        self._pieces: list[bytes] = []
        self._size = 0
        self._room = MOST_CONTENT
        self._last = 0

    def add(self, data: bytes, at: int) -> None:
        """Keep what comes next; what is full, or too much for all, is handed over."""
        part = data[: self._room] if len(data) > self._room else data
        budget = self._around.budget
        if not part or (budget is not None and not budget.take(len(part))):
            self.hand_over(at)
            return
        self._pieces.append(part)
        self._size += len(part)
        self._room -= len(part)
        self._last = at
        if not self._room:
            self.hand_over(at)

    def paused(self, at: int) -> bool:
        """Tell whether something is kept and nothing came lately."""
        return self._size > 0 and at - self._last > PAUSE

    def hand_over(self, at: int, *, complete: bool = False) -> None:
        """Give what is kept to the sink."""
        if not self._size:
            return
        data = b"".join(self._pieces)
        if self._around.budget is not None:
            self._around.budget.give(self._size)
        self._pieces, self._size = [], 0
        if self._around.content is not None:
            self._around.content(
                Content(
                    conn=self._conn,
                    at=at,
                    protocol=self._protocol,
                    from_client=self._from_client,
                    data=data,
                    seen=len(data),
                    complete=complete,
                )
            )
