"""Noticing that nothing ran for a time: suspended, SIGSTOP, a paused virtual machine.

CLOCK_BOOTTIME runs on while the machine is suspended and CLOCK_MONOTONIC does not
(clock_gettime(2)). A stopped process shows as a sleep that took far longer than was asked for. A
virtual machine that was paused has both clocks stand still; its wall clock jumps when the host
sets it right. A disk that does not answer looks like a stopped process, so while we work, and do
not sleep, only a long silence counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar, NamedTuple

from collectors.boot import since_boot
from collectors.files.notes import Gap

_SECOND = 1_000_000_000


class Reading(NamedTuple):
    """The three clocks at one moment."""

    wall: int
    """ns since 1970."""
    monotonic: float
    boottime: float

    @classmethod
    def now(cls) -> Reading:
        """Read the clocks of this host."""
        return cls(time.time_ns(), time.monotonic(), since_boot())


class Pauses:
    """Compares the clocks at each sign of life of one thread."""

    late: ClassVar[float] = 3.0
    """Seconds by which a sleep may be late on a busy machine."""
    stuck: ClassVar[float] = 30.0
    """Seconds without a sign of life while working, for example in one read of a slow disk."""
    asleep: ClassVar[float] = 1.0
    """Seconds by which the two clocks may drift apart between two signs of life."""
    jump: ClassVar[float] = 10.0
    """Seconds by which a wall clock may be set forward by a time service."""

    def __init__(self, read: Callable[[], Reading] = Reading.now) -> None:
        """*read* gives the clocks."""
        self._read = read
        self._last = read()
        self._pauses: list[Gap] = []

    def take(self) -> list[Gap]:
        """Return and forget what was found."""
        found, self._pauses = self._pauses, []
        return found

    def sleep(self, wait: Callable[[float], object], seconds: float) -> None:
        """Call *wait*, which blocks for *seconds* at most."""
        self.tick()
        wait(seconds)
        self.tick(max(seconds, 0.001))

    def tick(self, slept: float = 0.0) -> None:
        """Look whether there was a pause since the last call.

        *slept*: seconds for which the thread wanted to sleep meanwhile, 0 when it has worked.
        """
        last, now = self._last, self._read()
        self._last = now
        elapsed = now.boottime - last.boottime
        bound = slept + self.late if slept else self.stuck
        paused = (
            elapsed > bound
            or elapsed - (now.monotonic - last.monotonic) > self.asleep
            or (now.wall - last.wall) / _SECOND - elapsed > self.jump
        )
        if paused:
            self._pauses.append(Gap("suspended", min(last.wall, now.wall), now.wall))
