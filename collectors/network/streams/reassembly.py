"""One direction of a TCP connection: segments in, bytes in order out, each byte once.

RFC 9293 for the terms. Bytes that came first stay (a second version of them is not looked at), so
that the result does not depend on what comes later. Sequence numbers wrap; inside, positions are
counted from the first byte and never wrap.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

FIN, SYN = 0x01, 0x02
_MASK = 0xFFFFFFFF
_HALF = 0x80000000

HEAD = 65536
"""Bytes of one direction that are read by default."""
MOST_SEGMENTS = 64
"""Segments of one direction that wait for a hole to be filled."""
MOST_BYTES = 131072
"""Bytes of them."""
FARTHEST = 1 << 24
"""A segment farther ahead of its direction than this is not believed: no window is that wide."""
PATIENCE = 10_000_000_000
"""ns of packet time that a hole is waited for. A retransmission takes less than 3 s."""


_NO_STARTS: list[int] = []
_NO_PIECES: dict[int, bytes] = {}
"""Of all directions where nothing waits, and that is nearly all: never written to."""


class Budget:
    """Bytes that many may hold together."""

    __slots__ = ("left", "refused", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.left = size
        self.refused = 0

    def take(self, count: int) -> bool:
        """Take *count* bytes, or tell that there are not so many left."""
        if count > self.left:
            self.refused += 1
            return False
        self.left -= count
        return True

    def give(self, count: int) -> None:
        """Give back *count* bytes."""
        self.left += count


class Half:
    """The bytes of one direction, up to its first *head* bytes."""

    __slots__ = (
        "_budget",
        "_fin",
        "_limit",
        "_pieces",
        "_since",
        "_starts",
        "end",
        "first",
        "held",
        "ignored",
        "lost",
        "next",
        "position",
    )

    def __init__(self, budget: Budget, head: int = HEAD) -> None:
        self._budget = budget
        self._limit = head
        self._fin = -1
        self._starts = _NO_STARTS
        self._pieces = _NO_PIECES
        self._since = 0
        self.first = -1
        """Sequence number of the first byte, -1 before anything was seen."""
        self.next = -1
        """Sequence number of the next byte in order."""
        self.position = 0
        """The same, counted from the first byte."""
        self.end = head
        """Position where reading ends: the limit or the FIN."""
        self.held = 0
        """Bytes that wait for a hole to be filled."""
        self.lost = 0
        """Bytes that were never seen."""
        self.ignored = 0
        """Segments that were not believed or came too late."""

    @property
    def waiting(self) -> bool:
        """Whether something waits for a hole to be filled."""
        return bool(self._starts)

    @property
    def done(self) -> bool:
        """Whether no more is read."""
        return self.position >= self.end

    @property
    def ended(self) -> bool:
        """Whether the sender has said all, and it was seen."""
        return 0 <= self._fin <= self.position

    def near(self, seq: int) -> bool:
        """Tell whether *seq* is one that the other end would believe, roughly."""
        distance = (seq - self.next) & _MASK
        return distance <= FARTHEST or _MASK - distance <= FARTHEST

    def stop(self) -> None:
        """Read no more."""
        self.end = self.position
        self._drop()

    def take(self, seq: int, flags: int, payload: bytes, at: int) -> Sequence[bytes | int]:
        """Return what is in order now: bytes, and for a hole that is given up its length."""
        if flags & SYN:
            seq = (seq + 1) & _MASK
        if self.next < 0:
            self.first = self.next = seq
        if self.position >= self.end:
            return ()
        distance = (seq - self.next) & _MASK
        if distance & _HALF:
            distance -= _MASK + 1
        if distance > FARTHEST:
            self.ignored += 1
            return ()
        start = self.position + distance
        if flags & FIN:
            self._finish(start + len(payload))
        return self._take(start, payload, at)

    def flush(self) -> Sequence[bytes | int]:
        """Return all that waits, with its holes: nothing more will come."""
        out: list[bytes | int] = []
        while self._starts and self.position < self.end:
            self._skip(out, 0)
        self._drop()
        return out

    def _take(self, start: int, payload: bytes, at: int) -> Sequence[bytes | int]:
        out: list[bytes | int] = []
        if self._starts and at - self._since > PATIENCE:
            self._skip(out, at)
        if start < self.position:
            payload = payload[self.position - start :]
            start = self.position
        if payload:
            self._place(start, payload, at, out)
        if self.position >= self.end:
            self._drop()
        return out

    def _finish(self, position: int) -> None:
        if self._fin < 0 and position >= self.position:
            self._fin = position
            self.end = min(self.end, position)

    def _drop(self) -> None:
        self._budget.give(self.held)
        self.held = 0
        self._starts = _NO_STARTS
        self._pieces = _NO_PIECES

    def _place(self, start: int, payload: bytes, at: int, out: list[bytes | int]) -> None:
        for begin, piece in list(self._fresh(start, payload)):
            if self.position >= self.end:
                return
            while self.position < begin and not self._keep(begin, piece, at):
                if self._starts and self._starts[0] < begin:
                    self._skip(out, at)
                else:
                    self._give_up(begin, out)
                if self.position >= self.end:
                    return
            if begin == self.position:
                self._pass(piece, out)
                self._follow(out, at)

    def _fresh(self, start: int, payload: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the parts of *payload* that nothing held covers: what came first stays."""
        if not self._starts:
            yield start, payload
            return
        starts, stop = self._starts, start + len(payload)
        index = bisect_right(starts, start)
        cursor = start
        if index:
            before = starts[index - 1]
            cursor = max(start, before + len(self._pieces[before]))
        while cursor < stop:
            upto = min(stop, starts[index]) if index < len(starts) else stop
            if upto > cursor:
                yield cursor, payload[cursor - start : upto - start]
            if index == len(starts):
                return
            cursor = max(cursor, starts[index] + len(self._pieces[starts[index]]))
            index += 1

    def _keep(self, begin: int, piece: bytes, at: int) -> bool:
        size = len(piece)
        if len(self._starts) >= MOST_SEGMENTS or self.held + size > MOST_BYTES:
            return False
        if not self._budget.take(size):
            return False
        if not self._starts:
            self._since = at
            self._starts, self._pieces = [], {}
        self._starts.insert(bisect_right(self._starts, begin), begin)
        self._pieces[begin] = piece
        self.held += size
        return True

    def _skip(self, out: list[bytes | int], at: int) -> None:
        self._give_up(self._starts[0], out)
        self._follow(out, at)

    def _give_up(self, begin: int, out: list[bytes | int]) -> None:
        """Leave out what lies before *begin*; lost bytes do not count against the limit."""
        if self._fin >= 0:
            begin = min(begin, self._fin)
        gap = begin - self.position
        self.lost += gap
        self._limit += gap
        self.position = begin
        self.next = (self.next + gap) & _MASK
        self.end = self._limit if self._fin < 0 else min(self._limit, self._fin)
        out.append(gap)

    def _follow(self, out: list[bytes | int], at: int) -> None:
        """Pass on what is held and now in order."""
        moved = 0
        while moved < len(self._starts) and self._starts[moved] == self.position:
            piece = self._pieces.pop(self._starts[moved])
            self.held -= len(piece)
            self._budget.give(len(piece))
            moved += 1
            self._pass(piece, out)
            if self.position >= self.end:
                break
        if moved:
            del self._starts[:moved]
            self._since = at

    def _pass(self, piece: bytes, out: list[bytes | int]) -> None:
        room = max(0, self.end - self.position)
        if len(piece) > room:
            piece = piece[:room]
        self.position += len(piece)
        self.next = (self.next + len(piece)) & _MASK
        if piece:
            out.append(piece)
