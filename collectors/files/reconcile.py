"""Comparing the whole tree with the baseline, a few directories at a time.

Runs at start, after an overflow and at intervals: whatever the kernel did not tell, or told to
nobody because the agent was down, is found here.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from collectors.files.dirty import DirtySet, Work
from collectors.files.examine import Examiner
from collectors.files.order import Order
from collectors.files.scope import ROOTS

FOUND_BY = "reconcile"
SHARE = 0.002
"""Of one core, for walking at intervals."""
LONGEST = 3600.0
"""Seconds between two walks however large the tree is; unless the settings say more."""


class Reconciler:
    """Walks the tree; `step` returns often, so that events do not wait for the walk."""

    def __init__(
        self,
        examiner: Examiner,
        dirty: DirtySet,
        last_gap: Callable[[], int],
        order: Order | None = None,
    ) -> None:
        """*order* in which directories are taken; each comes after the one that holds it."""
        self._order = order or Order()
        self._examiner = examiner
        self._dirty = dirty
        self._last_gap = last_gap
        self._stacks: list[list[tuple[bytes, bool]]] = [[] for _ in range(self._order.ranks)]
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
        return any(self._stacks)

    def request(self) -> None:
        """Begin a walk; one that is under way is followed by another."""
        if self.running:
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
        while stack := next(filter(None, self._stacks), None):
            path, fresh = stack.pop()
            known = self._dirty.take_directory(path)
            work = Work(known.names, whole=True, fresh=fresh or known.fresh)
            for item in self._examiner.examine(path, work, FOUND_BY):
                self._stacks[self._order.rank(item[0])].append(item)
            self.directories += 1
            if time.monotonic() >= deadline:
                break
        if self.running:
            return False
        if self._again:
            # Something was missed while we walked: only a walk that began later has seen it all.
            self._begin()
            return False
        self.walks += 1
        return True

    def _begin(self) -> None:
        self._again = False
        self._stacks[0].append((ROOTS, False))
        self.gap = self._last_gap()
        self.seconds = self._cpu = 0.0
        self.directories = 0
