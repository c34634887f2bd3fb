"""Tells cheaply whether day files may hold something new, so that idling costs next to nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TypeAlias

_Signature: TypeAlias = tuple[tuple[str, int, int], ...]

RACY_NS = 50_000_000
"""Two writes within one tick of the file system's clock look the same: trust nothing younger."""

ALWAYS_NS = 2_000_000_000
"""Look anyway this often: some file systems do not keep time of writes."""

_RECENT = 4
"""Files looked at: the newest day's file and WAL, and those of the day before."""


class Follower:
    """Compares the newest day files' sizes and times with those of the last look."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._last: _Signature | None = None
        self._looked = 0

    def may_have_news(self) -> bool:
        """Return False only if nothing can have been written since the last True."""
        signature = self._signature()
        now = time.monotonic_ns()
        if signature == self._last and now - self._looked < ALWAYS_NS:
            return False
        newest = max((changed for _, _, changed in signature), default=0)
        # Remember it only once it is old enough to tell the next write apart.
        self._last = signature if time.time_ns() - newest > RACY_NS else None
        self._looked = now
        return True

    def _signature(self) -> _Signature:
        try:
            names = sorted(os.listdir(self._directory))
        except FileNotFoundError:
            return ()
        files = [name for name in names if name.endswith((".db", ".db-wal"))]
        found: list[tuple[str, int, int]] = []
        for name in files[-_RECENT:]:
            try:
                status = os.stat(self._directory / name)
            except FileNotFoundError:  # a WAL goes away when the last connection closes
                continue
            found.append((name, status.st_size, status.st_mtime_ns))
        return tuple(found)
