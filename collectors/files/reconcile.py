"""Comparing the whole tree with the baseline, a few directories at a time.

Runs at start, after an overflow and at intervals: whatever the kernel did not tell, or told to
nobody because the agent was down, is found here.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from collectors.files.dirty import DirtySet, Work
from collectors.files.examine import Examiner
from collectors.files.scope import ROOTS

FOUND_BY = "reconcile"
SHARE = 0.002
"""Of one core, for walking at intervals."""
LONGEST = 3600.0
"""Seconds between two walks however large the tree is; unless the settings say more."""


class Reconciler:
    """Walks the tree; `step` returns often, so that events do not wait for the walk."""

    def __init__(self, examiner: Examiner, dirty: DirtySet, last_gap: Callable[[], int]) -> None:
        self._examiner = examiner
        self._dirty = dirty
        self._last_gap = last_gap
        self._stack: list[tuple[bytes, bool]] = []
        self._again = False
        self.gap = 0
        """Newest gap when the walk began that runs or ran last: the walk repairs up to it."""
        self.directories = 0
        """Directories seen by the walk that runs."""
        self.seconds = 0.0
        """How long the walk that runs, or ran last, was at work."""
        self.walks = 0
        """Walks that came to their end."""
        self._cpu = 0.0

    @property
    def running(self) -> bool:
        """Whether a walk is under way."""
        return bool(self._stack)

    def request(self) -> None:
        """Begin a walk; one that is under way is followed by another."""
        if self._stack:
            self._again = True
        else:
            self._begin()

    def step(self, seconds: float) -> bool:
        """Walk on for about *seconds*; return True when the tree has been compared to the end."""
        begin, cpu = time.monotonic(), time.thread_time()
        try:
            return self._step(begin + seconds)
        finally:
            self.seconds += time.monotonic() - begin
            self._cpu += time.thread_time() - cpu

    def interval(self, configured: float) -> float:
        """Return seconds until the next walk: longer than *configured* if the last one cost much.

        A walk may take a fixed share of one core; with the kernel's events beside it, it finds
        what they miss, and large trees need not be walked as often as small ones.
        """
        return max(configured, min(LONGEST, self._cpu / SHARE))

    def _step(self, deadline: float) -> bool:
        while self._stack:
            path, fresh = self._stack.pop()
            known = self._dirty.take_directory(path)
            work = Work(known.names, whole=True, fresh=fresh or known.fresh)
            self._stack += self._examiner.examine(path, work, FOUND_BY)
            self.directories += 1
            if time.monotonic() >= deadline:
                break
        if self._stack:
            return False
        if self._again:
            # Something was missed while we walked: only a walk that began later has seen it all.
            self._begin()
            return False
        self.walks += 1
        return True

    def _begin(self) -> None:
        self._again = False
        self._stack = [(ROOTS, False)]
        self.gap = self._last_gap()
        self.seconds = self._cpu = 0.0
        self.directories = 0
