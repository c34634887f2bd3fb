"""When the sensor was there last, on disk: the time until it is there again is a gap.

Written at the end, and every half a minute while it runs, so that the beginning of a gap is known
to that after a crash, too.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from collectors.kinds import VisibilityLost
from collectors.redact import scrub

_EVERY = 30.0
_RUNS, _ENDED = "runs", "ended"
_WORDS = {
    "stopped": "the network sensor did not run",
    "crashed": "the network sensor ended without a word and did not run",
}


class Attendance:
    """See the head of the module."""

    def __init__(self, path: Path) -> None:
        """*path*: the file, in the sensor's own directory."""
        self._path = path
        self._next = 0.0
        self._over = False
        self._last = self._read()

    def back(self, now: int) -> list[VisibilityLost]:
        """Return, once, how long nobody watched; *now* in ns since 1970."""
        if self._last is None:
            return []
        (state, last), self._last = self._last, None
        begin = min(last, now)
        cause = "stopped" if state == _ENDED else "crashed"
        detail = scrub(_WORDS[cause])
        return [
            VisibilityLost(cause=cause, begin=begin, end=now, duration=now - begin, detail=detail)
        ]

    def here(self, now: int) -> None:
        """Take note that it runs."""
        moment = time.monotonic()
        if moment >= self._next and not self._over:
            self._next = moment + _EVERY
            self._write(_RUNS, now)

    def ends(self, now: int) -> None:
        """Take note that it ends; what may come after that is not waited for."""
        self._over = True
        self._write(_ENDED, now)

    def _read(self) -> tuple[str, int] | None:
        try:
            with self._path.open("rb") as file:
                state, number = file.read(64).decode("ascii").split()
            return (state, int(number)) if state in {_RUNS, _ENDED} else None
        except (OSError, ValueError):  # the first start, or damaged
            return None

    def _write(self, state: str, now: int) -> None:
        fresh = self._path.with_suffix(".new")
        # A disk that takes nothing: then the gap is told longer than it was.
        with contextlib.suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(fresh, flags, 0o600), "wb") as file:
                file.write(f"{state} {now}\n".encode())
            fresh.replace(self._path)
