"""The exposure sensor: looks into files that changed, and once into all web roots."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from collectors.api import Coverage, SensorContext, Settings, Unsupported
from collectors.exposure.select import LOOK, by_name
from collectors.exposure.settings import ExposureSettings
from collectors.exposure.state import Queue, is_damage, set_aside
from collectors.kinds import (
    ChildCrashed,
    ExposureCleared,
    Record,
    ScanIncomplete,
    SensitiveData,
    WebApplication,
)
from collectors.paths import SafePath

_log = logging.getLogger(__name__)


class ExposureSensor:
    """See `collectors.api.Sensor`."""

    name: ClassVar[str] = "exposure"
    settings_type: ClassVar[type[Settings]] = ExposureSettings
    emits: ClassVar[frozenset[type[Record]]] = frozenset(
        {SensitiveData, ExposureCleared, ScanIncomplete, ChildCrashed, WebApplication}
    )

    def __init__(self, settings: Settings, state_dir: Path) -> None:
        """*state_dir* is the sensor's own directory, ``<agent>/sensors/exposure``."""
        if not isinstance(settings, ExposureSettings):
            raise TypeError(f"exposure needs ExposureSettings, not {type(settings).__name__}")
        self._settings = settings
        self._state_dir = state_dir
        self._queue = Queue(state_dir)
        self._wake = threading.Event()
        self._coverage: Coverage = {}

    def check(self) -> list[str]:
        """Return warnings about paths.

        Raises:
            Unsupported: there is nothing to look into.
        """
        if not (self._settings.paths or self._settings.web_roots):
            raise Unsupported("nothing to look into: set web_roots in [sensors.exposure]")
        if ExposureSettings().web_roots == self._settings.web_roots:
            return []
        return [
            f"web root {root} does not exist; it is looked into when it appears"
            for root in self._settings.web_roots
            if not os.path.isdir(root)
        ]

    def offer(self, paths: Sequence[SafePath]) -> None:
        """Put changed files in line; on disk on return.

        Raises:
            sqlite3.Error: the queue cannot be written.
        """
        wanted = [path for path in paths if by_name(path) == LOOK]
        if wanted:
            self._queue.put(wanted)
            self._wake.set()

    def run(self, context: SensorContext) -> None:
        """Look into what is in line, newest first, until the agent stops.

        Raises:
            sqlite3.DatabaseError: the state cannot be read or written. One that is damaged was
                moved aside: the next run begins anew.
        """
        from collectors.exposure.worker import Worker

        try:
            Worker(self._settings, context, self._wake, self._coverage).run()
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                set_aside(self._state_dir, error)
            raise
        finally:
            self._queue.close()

    def coverage(self) -> Coverage:
        """Return how many files wait, how many looks had which outcome, and what there is now.

        ``findings``: files that hold something. ``sampled``, ``too_large``, ``timed_out``,
        ``encrypted``, ``unreadable``, ``damaged``, ``unsupported``, ``crashed``: files that are
        not clean but unknown, each counted under the worst that happened in it.
        """
        return dict(self._coverage)
