"""What waits for the spool's writer thread, in bounded memory."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent.pipeline import severity_of
from agent.spool.database import SpoolDatabase
from collectors.api import Stopped
from collectors.kinds import Severity
from collectors.sighting import Sighting

GROUP_EVENTS = 1000
GROUP_SECONDS = 0.2
_WAITED_FOR_SECONDS = 0.02
_MAX_SIGHTINGS = 10_000
_MAX_BYTES = 16 << 20


class SpoolClosed(Exception):  # noqa: N818 - a state, not a mistake
    """The spool no longer takes anything."""


Action = Callable[[SpoolDatabase], Sequence[Sighting]]
"""Runs inside the writer's transaction, again after a failed commit; returns more to store."""


@dataclass
class Work:
    """One request to the writer."""

    sightings: Sequence[Sighting] = ()
    weight: int = 0
    """Bytes in the queue."""
    action: Action | None = None
    done: threading.Event | None = None
    """Set when durable, or when given up (then ``failed``)."""
    failed: bool = False

    def finish(self, *, failed: bool = False) -> None:
        """Release whoever waits."""
        self.failed = failed
        if self.done is not None:
            self.done.set()


@dataclass
class Losses:
    """Sightings dropped from memory while the disk was full."""

    counts: dict[int, int] = field(default_factory=dict)

    def describe(self) -> str:
        """Return for example ``3 low, 1 high``."""
        return ", ".join(f"{n} {Severity(s).name.lower()}" for s, n in sorted(self.counts.items()))


class WorkQueue:
    """Blocks producers when it is full; drops instead while ``lossy``."""

    def __init__(self) -> None:
        """Begin empty."""
        self._items: deque[Work] = deque()
        self._cond = threading.Condition()
        self._closed = False
        self._lossy = False
        self._losses = Losses()
        self._sightings = self._bytes = self._waiters = 0
        self._taken = 0.0

    def put(self, work: Work, stopping: threading.Event | None = None) -> None:
        """Queue *work*; work that somebody waits for is always taken.

        Raises:
            SpoolClosed: no more work is taken.
            Stopped: *stopping* was set while the queue was full.
        """
        with self._cond:
            while work.done is None and work.action is None and self._full() and not self._closed:
                if self._lossy and self._drop_one():
                    continue
                if stopping is not None and stopping.is_set():
                    raise Stopped
                self._cond.wait(0.2)
            if self._closed:
                raise SpoolClosed
            self._items.append(work)
            self._count(work, 1)
            self._cond.notify_all()

    def _full(self) -> bool:
        return self._sightings >= _MAX_SIGHTINGS or self._bytes >= _MAX_BYTES

    def _count(self, work: Work, sign: int) -> None:
        self._sightings += sign * len(work.sightings)
        self._bytes += sign * work.weight
        self._waiters += sign * (work.done is not None)

    def _drop_one(self) -> bool:
        """Drop the oldest request of the lowest class that nobody waits for."""
        droppable = [w for w in self._items if w.done is None and w.action is None]
        if not droppable:
            return False
        victim = min(droppable, key=lambda work: max(map(severity_of, work.sightings), default=0))
        self._items = deque(work for work in self._items if work is not victim)
        self._count(victim, -1)
        for sighting in victim.sightings:
            severity = severity_of(sighting)
            self._losses.counts[severity] = self._losses.counts.get(severity, 0) + 1
        return True

    def set_lossy(self, lossy: bool) -> Losses:
        """Turn dropping on or off; returns what was dropped since it was last turned."""
        with self._cond:
            losses, self._losses = self._losses, Losses()
            self._lossy = lossy
            self._cond.notify_all()
            return losses

    def take(self) -> list[Work] | None:
        """Return the next group: at once when idle, gathered under load; None at the end."""
        with self._cond:
            while not self._items and not self._closed:
                self._cond.wait()
            while self._sightings < GROUP_EVENTS and not self._closed:
                pause = _WAITED_FOR_SECONDS if self._waiters else GROUP_SECONDS
                left = self._taken + pause - time.monotonic()
                if left <= 0:
                    break
                self._cond.wait(left)
            if not self._items:
                return None
            group: list[Work] = []
            total = 0
            while self._items and (not group or total < GROUP_EVENTS):
                work = self._items.popleft()
                self._count(work, -1)
                total += len(work.sightings)
                group.append(work)
            self._taken = time.monotonic()
            self._cond.notify_all()
            return group

    def close(self) -> None:
        """Take no more; what is queued can still be taken."""
        with self._cond:
            self._closed = True
            self._cond.notify_all()

    def fail_all(self) -> None:
        """Release everybody who waits for work that will not be done."""
        with self._cond:
            while self._items:
                self._items.popleft().finish(failed=True)
            self._sightings = self._bytes = self._waiters = 0
