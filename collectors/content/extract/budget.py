"""How much a container may cost, and the ways in which looking into it ends.

PartError
|-- of one part: encrypted, damaged, unsupported, too large; the others are still read
`-- Stop: of the whole file: out of time, bytes or members
"""

from __future__ import annotations

import math
import time

from collectors.content.result import DAMAGED, TIMED_OUT, TOO_LARGE


class PartError(Exception):
    """A part cannot be read (further). ``detail`` holds nothing of its content."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(f"{outcome}: {detail}")
        self.outcome = outcome
        self.detail = detail


class Stop(PartError):  # noqa: N818
    """Nothing more of the whole file is read."""


def damaged(detail: str) -> PartError:
    """Return the error for a part that is cut short or corrupt."""
    return PartError(DAMAGED, detail)


class Budget:
    """Spent by everything that one file unpacks to, at any depth."""

    MOST_UNPACKED = 2 << 30
    """Bytes that all parts together may unpack to."""
    MOST_MEMBERS = 50_000
    MOST_DEPTH = 6
    """A zip in a tar.gz that holds a document with an embedded sheet needs five."""
    MOST_HELD = 24 << 20
    """Bytes of inner containers that have to be in memory: those that are read back and forth."""

    def __init__(self, seconds: float) -> None:
        """*seconds* from now on."""
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds
        self._unpacked = 0
        self._members = 0
        self.held = 0
        self.cut = False
        """Something was left out on purpose: what was looked at is a sample."""

    def spend(self, count: int) -> None:
        """Note *count* bytes made; call it for each piece."""
        self._unpacked += count
        if self._unpacked > self.MOST_UNPACKED:
            raise Stop(TOO_LARGE, f"unpacks to more than {self.MOST_UNPACKED >> 20} MiB")
        self.check_time()

    def check_time(self) -> None:
        """Raise `Stop` when time is over."""
        if time.monotonic() > self._deadline:
            raise Stop(TIMED_OUT, f"not done after {self._seconds:.0f} s")

    def seconds_left(self) -> int:
        """Return how long one call may take that cannot be asked meanwhile: whole, 1 or more."""
        return max(1, math.ceil(self._deadline - time.monotonic()))

    def member(self) -> None:
        """Note one more member of any container."""
        self._members += 1
        if self._members > self.MOST_MEMBERS:
            raise Stop(TOO_LARGE, f"more than {self.MOST_MEMBERS} members")
        self.check_time()

    def check_depth(self, depth: int) -> None:
        """Refuse a container inside too many others."""
        if depth > self.MOST_DEPTH:
            raise PartError(TOO_LARGE, f"more than {self.MOST_DEPTH} containers in each other")


class Meter:
    """Watches one decompression: a small input that becomes huge is a bomb, not a document."""

    RATIO = 250
    """Real dumps reach 50."""
    FREE = 32 << 20
    """Bytes made before the ratio counts."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._read = 0
        self._made = 0

    def read(self, count: int) -> None:
        """Note *count* bytes taken in."""
        self._read += count

    def made(self, count: int) -> None:
        """Note *count* bytes given out.

        Raises:
            PartError: the ratio is that of a bomb.
            Stop: the whole file is out of budget.
        """
        self._made += count
        if self._made > self.FREE and self._made > self.RATIO * max(self._read, 1):
            raise PartError(TOO_LARGE, f"unpacks to more than {self.RATIO} times its size")
        self._budget.spend(count)
