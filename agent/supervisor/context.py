"""What a running sensor may do: the other side of `collectors.api.SensorContext`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from agent.clock import Clock
from agent.spool import Spool, SpoolClosed
from collectors.api import Keys, Stopped
from collectors.paths import PathGuard, SafePath
from collectors.sighting import Sighting


class Pulse:
    """When the sensor was last seen alive; waiting for the spool is no silence."""

    def __init__(self, clock: Clock) -> None:
        """Begin alive."""
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting = 0
        self._last = clock.monotonic()

    def beat(self) -> None:
        """Take note of a sign of life."""
        self._last = self._clock.monotonic()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Count as alive inside."""
        with self._lock:
            self._waiting += 1
        try:
            yield
        finally:
            self.beat()
            with self._lock:
                self._waiting -= 1

    def silent_for(self) -> float:
        """Return seconds since the last sign of life, 0 while waiting."""
        return 0.0 if self._waiting else self._clock.monotonic() - self._last


class Context:
    """Implements `collectors.api.SensorContext` for one run of one sensor."""

    def __init__(
        self,
        *,
        state_dir: Path,
        stopping: threading.Event,
        guard: PathGuard,
        keys: Keys,
        spool: Spool,
        clock: Clock,
        pulse: Pulse,
        publish: Callable[[Sequence[SafePath]], None],
    ) -> None:
        """Bind the parts together."""
        self.state_dir = state_dir
        self.stopping = stopping
        self.guard = guard
        self.keys = keys
        self._spool = spool
        self._clock = clock
        self._pulse = pulse
        self._publish = publish

    def now(self) -> int:
        """Return ns since 1970, UTC."""
        return self._clock.wall()

    @contextlib.contextmanager
    def _at_the_spool(self) -> Iterator[None]:
        with self._pulse.waiting():
            try:
                yield
            except SpoolClosed as error:
                raise Stopped from error

    def emit(self, sighting: Sighting) -> None:
        """See `SensorContext.emit`."""
        with self._at_the_spool():
            self._spool.append([sighting], self.stopping)

    def handover(self, source: str, upto: int, sightings: Sequence[Sighting]) -> None:
        """See `SensorContext.handover`."""
        with self._at_the_spool():
            self._spool.handover(source, upto, sightings, self.stopping)

    def cursor(self, source: str) -> int:
        """See `SensorContext.cursor`."""
        with self._at_the_spool():
            return self._spool.cursor(source)

    def publish(self, paths: Sequence[SafePath]) -> None:
        """See `SensorContext.publish`."""
        with self._pulse.waiting():
            self._publish(paths)

    def beat(self) -> None:
        """See `SensorContext.beat`."""
        self._pulse.beat()
