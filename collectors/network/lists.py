"""The operator's table of indicators: copied when it is new, and handed to the child.

The child maps it, and a file that somebody shortens under a mapping kills who looks at it. So the
child gets a copy without a name, which nobody else can open. Nothing of it is read here.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from pathlib import Path

_LARGEST = 512 << 20
"""Bytes: fifty million rows."""
_PAUSE = 30.0
"""Seconds until it is tried again, where it could not be copied."""


class Lists:
    """Watches one path."""

    def __init__(self, path: str, state_dir: Path) -> None:
        """*path* is empty where there are no lists; the copy lies in *state_dir*."""
        self._path = path
        self._state_dir = state_dir
        self._handed = (0, 0, 0)
        self._not_before = 0.0
        self.reason = ""
        """Why the table cannot be handed over; empty when all is well."""

    def again(self) -> None:
        """Forget that it was handed over: there is a new child."""
        self._handed = (0, 0, 0)

    def fresh(self) -> list[int]:
        """Return a descriptor of a table that the child does not have yet. The caller closes it."""
        if not self._path or time.monotonic() < self._not_before:
            return []
        try:
            found = os.stat(self._path)
            mark = (found.st_dev, found.st_ino, found.st_mtime_ns)
            if mark == self._handed:
                return []
            if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
                self.reason = "no file, or larger than 512 MiB"
                return []
        except OSError as error:
            self.reason = error.strerror or "unreadable"
            return []
        try:
            copy = self._copy()
        except OSError as error:
            self.reason = error.strerror or "unreadable"
            # A full disk must not be filled again each second.
            self._not_before = time.monotonic() + _PAUSE
            return []
        self._handed = mark
        self.reason = ""
        return [copy]

    def _copy(self) -> int:
        source = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            with tempfile.TemporaryFile(dir=self._state_dir) as copy:
                while os.sendfile(copy.fileno(), source, None, 1 << 24):
                    if copy.seek(0, os.SEEK_CUR) > _LARGEST:
                        break
                return os.dup(copy.fileno())
        finally:
            os.close(source)
