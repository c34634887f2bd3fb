"""Waiting until the reader has seen all that happened until now.

What is counted of a name is exact only when the events before one look have been read before the
next. The kernel's queue is one line: an event that we cause ourselves comes after all of them.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyFD, Mask

_STEP = 1.0
"""Seconds between two looks whether the reader lives."""
_STEPS = 10
"""A reader that is starved of processor time needs long; an overflow ends the wait at once."""


class Barrier:
    """One file of ours, watched through the reader that all other watches share."""

    def __init__(self, reader: InotifyFD, directory: Path) -> None:
        """Without a watch to be had, waiting is given up, not the sensor."""
        self._reader = reader
        self._passed = threading.Event()
        self._file = -1
        self._able = False
        path = os.fsencode(directory / "barrier")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            mask = Mask(InotifyConstants.IN_ATTRIB)
            self._able = reader.add_callback(path, mask, self, CallbackId(0)) != -1
        except OSError:
            return

    def wait(self) -> bool:
        """Return once the reader has seen what happened before this call; False when it did not."""
        if not self._able or not self._reader.is_alive():
            return False
        self._passed.clear()
        try:
            os.utime(self._file)
        except OSError:  # a file system that has become read-only
            return False
        for _ in range(_STEPS):
            if self._passed.wait(_STEP):
                return True
            if not self._reader.is_alive():
                break
        return False

    def close(self) -> None:
        """Close the file."""
        self._able = False
        if self._file >= 0:
            os.close(self._file)

    def on_event(self, _event: Any) -> None:
        """Called by watchdog, in its reader thread."""
        self._passed.set()

    def on_watch_deleted(self, _wd: int) -> None:
        """Called by watchdog: the file is gone, and with it the means to wait."""
        self._able = False
        self._passed.set()

    def on_queue_overflow(self) -> None:
        """Called by watchdog: our event may be among the lost ones."""
        self._passed.set()
