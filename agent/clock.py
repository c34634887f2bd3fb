"""Time, injectable: wall clock, monotonic clock, and the gaps between them.

Linux's CLOCK_BOOTTIME runs while the machine is suspended and CLOCK_MONOTONIC does not
(clock_gettime(2)), so their difference is the suspended time. A process that was frozen (SIGSTOP,
cgroup freezer, a paused virtual machine) shows as a late tick instead.
"""

from __future__ import annotations

import time
from typing import NamedTuple, Protocol

from collectors.boot import since_boot

SECOND = 1_000_000_000
"""Nanoseconds."""


class Clock(Protocol):
    """Where the agent reads time."""

    def wall(self) -> int:
        """Return ns since 1970, UTC."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start; stands still while suspended."""

    def boottime(self) -> float:
        """Return seconds from an arbitrary start; runs while suspended."""


class SystemClock:
    """The clocks of this host."""

    def wall(self) -> int:
        """Return ns since 1970, UTC."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Return seconds of CLOCK_MONOTONIC."""
        return time.monotonic()

    def boottime(self) -> float:
        """Return seconds of CLOCK_BOOTTIME."""
        return since_boot()


class Gap(NamedTuple):
    """Something that time did between two ticks."""

    cause: str
    """``suspended`` (nothing ran from begin to end) or ``jump`` (the wall clock was set)."""
    begin: int
    """Wall clock at the earlier tick, ns."""
    end: int
    """Wall clock at the later tick, ns."""
    seconds: float
    """How long nothing ran, or by how much the clock was set (negative: backwards)."""


class GapDetector:
    """Compares the clocks at regular ticks."""

    def __init__(self, clock: Clock, *, late: float = 10.0, jump: float = 2.0) -> None:
        """*late* and *jump* are seconds that count as nothing."""
        self._clock = clock
        self._late = late
        self._jump = jump
        self._previous = self._read()

    def _read(self) -> tuple[int, float, float]:
        return self._clock.wall(), self._clock.monotonic(), self._clock.boottime()

    def tick(self, interval: float) -> list[Gap]:
        """Return the gaps since the last tick, which was due *interval* seconds ago."""
        wall, mono, boot = self._read()
        old_wall, old_mono, old_boot = self._previous
        self._previous = (wall, mono, boot)
        gaps = []
        elapsed = boot - old_boot
        asleep = elapsed - (mono - old_mono)
        lost = max(asleep, elapsed - interval if elapsed - interval > self._late else 0.0)
        if lost > 1.0:
            gaps.append(Gap("suspended", old_wall, wall, lost))
        moved = (wall - old_wall) / SECOND - elapsed
        if abs(moved) > self._jump:
            gaps.append(Gap("jump", old_wall, wall, moved))
        return gaps
