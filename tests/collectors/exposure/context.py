"""A sensor context whose spool is a list."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from collectors.api import Keys
from collectors.kinds import Record
from collectors.paths import PathGuard, SafePath
from collectors.sighting import Sighting
from tests.patience import PATIENCE


class FakeContext:
    """`collectors.api.SensorContext` in memory."""

    def __init__(self, directory: Path) -> None:
        self.state_dir = directory / "state" / "sensors" / "exposure"
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.stopping = threading.Event()
        self.guard = PathGuard(b"k" * 32)
        self.keys = Keys(fleet=b"f" * 32, fleet_epoch=1)
        self.beats = 0
        self.sightings: list[Sighting] = []
        self._cursors: dict[str, int] = {}
        self._changed = threading.Condition()

    def now(self) -> int:
        return time.time_ns()

    def emit(self, sighting: Sighting) -> None:
        raise AssertionError("the exposure sensor hands over, it does not emit")

    def handover(self, source: str, upto: int, sightings: Sequence[Sighting]) -> None:
        with self._changed:
            self.sightings += sightings
            self._cursors[source] = upto
            self._changed.notify_all()

    def cursor(self, source: str) -> int:
        return self._cursors.get(source, 0)

    def publish(self, paths: Sequence[SafePath]) -> None:
        raise AssertionError("the exposure sensor publishes nothing")

    def beat(self) -> None:
        self.beats += 1

    def records(self) -> list[Record]:
        """Return what was handed over."""
        return [sighting.record for sighting in self.sightings]

    def wait(self, count: int, timeout: float = PATIENCE) -> list[Record]:
        """Return the records once there are *count*, or after *timeout* seconds."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.sightings) >= count, timeout)
            return self.records()
