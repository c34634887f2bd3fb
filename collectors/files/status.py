"""What the sensor says about itself."""

from __future__ import annotations

import threading
import time

from collectors.api import Coverage


class Status:
    """What `coverage` tells; written by the worker, read by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: Coverage = {
            "state": "not started",
            "backend": "not known",
            "why_not_better": "",
            "watched_directories": 0,
            "total_directories": 0,
            "blind_directories": 0,
            "entries": 0,
            "walks": 0,
            "walk_seconds": 0.0,
            "reconcile_interval": 0.0,
            "rehash_percent": 0.0,
            "rehash_bytes": 0,
            "rehash_eta": -1,
            "rehash_seconds": 0.0,
            "rehashes": 0,
            "overflows": 0,
            "backlog": 0,
            "held": 0,
            "windows": 0,
            "drift": 0,
            "git_held": 0,
            "packages": "not known",
            "texts": 0,
            "text_versions": "not known",
        }
        self._reconciled: float | None = None

    def update(self, **values: int | float | str) -> None:
        """Set values."""
        with self._lock:
            self._values.update(values)

    def reconciled(self) -> None:
        """Take note that the whole tree has just been compared."""
        with self._lock:
            self._reconciled = time.monotonic()

    def coverage(self) -> Coverage:
        """Return a copy; ages are in seconds, -1 means never."""
        with self._lock:
            values = dict(self._values)
            age = -1.0 if self._reconciled is None else time.monotonic() - self._reconciled
        watched, total = values["watched_directories"], values["total_directories"]
        if isinstance(watched, int) and isinstance(total, int):
            # Between two walks there may be more than the last one counted.
            values["watching"] = f"{watched:,} of {max(watched, total):,} directories"
        values["last_reconcile_age"] = round(age, 1)
        return values
