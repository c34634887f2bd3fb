"""Cuts the bytes of one direction into lines or frames, however they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator

LONGEST_LINE = 8192
LONGEST_FRAME = 4096


class Lines:
    """Cuts one direction into lines; parts of it can be passed over."""

    __slots__ = ("_at", "_data", "_discard", "_long", "_take", "_until")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._long = False
        self._discard = 0
        self._take = 0
        self._until = b""

    def rest(self) -> bytes:
        """Take out what follows the line that is looked at."""
        rest = self._data[self._at :]
        self._data, self._at = b"", 0
        return rest

    def discard(self, count: int) -> None:
        """Pass over the next *count* bytes."""
        self._discard = count

    def take(self, count: int) -> None:
        """Yield the next *count* bytes as they stand, in place of a line."""
        self._take = count

    def until(self, marker: bytes) -> None:
        """Pass over all up to and with *marker*, which may begin with the end of a line before."""
        self._until = marker
        self._data = b"\r\n" + self._data[self._at :]
        self._at = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield whole lines without their ends, at most `LONGEST_LINE` bytes of each."""
        self._data = self._data[self._at :] + data if self._data else data
        self._at = 0
        while self._at < len(self._data):
            if self._discard:
                passed = min(self._discard, len(self._data) - self._at)
                self._discard -= passed
                self._at += passed
            elif self._until:
                if not self._find():
                    break
            elif self._take:
                start, count = self._at, self._take
                if len(self._data) - start < count:
                    break
                self._at, self._take = start + count, 0
                yield self._data[start : start + count]
            else:
                start = self._at
                found = self._data.find(b"\n", start)
                if found < 0:
                    yield from self._unfinished()
                    break
                self._at = found + 1
                if self._long:
                    self._long = False
                    continue
                yield self._data[start : min(found, start + LONGEST_LINE)].removesuffix(b"\r")
        self._data = self._data[self._at :]
        self._at = 0

    def _unfinished(self) -> Iterator[bytes]:
        size = len(self._data) - self._at
        if not self._long and size <= LONGEST_LINE:
            return
        line = self._data[self._at : self._at + LONGEST_LINE]
        self._at = len(self._data)
        if not self._long:
            self._long = True
            yield line.removesuffix(b"\r")

    def _find(self) -> bool:
        found = self._data.find(self._until, self._at)
        if found >= 0:
            self._at = found + len(self._until)
            self._until = b""
            return True
        self._at = max(self._at, len(self._data) - len(self._until) + 1)
        return False


class Frames:
    """Cuts one direction into frames that begin with their length."""

    __slots__ = ("_at", "_data", "_look", "_most", "_skip", "broken", "measure")

    def __init__(
        self, measure: Callable[[bytes], int], most: int = LONGEST_FRAME, look: int = 16
    ) -> None:
        self.measure = measure
        """Tells from up to *look* bytes how long a frame is; 0: more are needed, -1: it is none.

        A parser may put another one in its place while it looks at a frame.
        """
        self.broken = False
        self._most = most
        self._look = look
        self._data = b""
        self._at = 0
        self._skip = 0

    def rest(self) -> bytes:
        """Take out what follows the frame that is looked at."""
        rest = self._data[self._at + self._skip :]
        self._data, self._at, self._skip = b"", 0, 0
        return rest

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield frames, the first bytes of long ones."""
        self._data = self._data + data if self._data else data
        while not self.broken:
            left = len(self._data) - self._at
            passed = min(self._skip, left)
            self._skip -= passed
            self._at += passed
            left -= passed
            size = self.measure(self._data[self._at : self._at + self._look]) if left else 0
            if size < 0 or (not size and left >= self._look):
                self.broken = True
                self._at = len(self._data)
            want = min(size, self._most)
            if size <= 0 or left < want:
                break
            frame = self._data[self._at : self._at + want]
            self._at += want
            self._skip = size - want
            yield frame
        self._data = self._data[self._at :]
        self._at = 0
