"""File systems that come and go below what is watched.

No event of a watched directory says that something was mounted over it, and none of a file system
that it is gone. The kernel tells through /proc/self/mountinfo, which becomes readable as urgent
(POLLPRI) with every change of the mount table. Each one that touches a watched place is told as
lost sight, the place is compared, and its directories are listened to anew.

The unit has mounts of its own (PrivateMounts): those of the host still arrive there, because
systemd makes the service's a slave of the host's, as long as the host's mounts are shared, which is
systemd's default. The same table then says so.
"""

from __future__ import annotations

import os
import select
from typing import NamedTuple

from collectors.api import SensorContext
from collectors.files.baseline import Baseline
from collectors.files.dirty import DirtySet, Work
from collectors.files.examine import Examiner
from collectors.files.mountinfo import PATH, Mount, read_mounts
from collectors.files.reconcile import FOUND_BY
from collectors.files.scope import ROOTS, Scope, below, split
from collectors.files.sources.source import EventSource
from collectors.files.visibility import Visibility


class Change(NamedTuple):
    """Something else is at a watched place."""

    cause: str
    """``mounted_over`` or ``unmounted``."""
    point: bytes
    """Where the file system is or was."""
    place: bytes
    """What is watched of it: the same, or a root below it."""
    stacked: bool = False
    """Another file system was mounted there before."""


def differences(scope: Scope, old: list[Mount], new: list[Mount]) -> list[Change]:
    """Return what has changed below or above the roots of *scope*. Pure."""
    before, after = _stacks(old), _stacks(new)
    changes = []
    for point in sorted(before.keys() | after.keys()):
        was, now = before.get(point, []), after.get(point, [])
        if was == now:
            continue
        # Fewer than before: one was taken away. Else something else is on top.
        cause = "unmounted" if len(now) < len(was) else "mounted_over"
        places = [root for root in scope.roots if below(root, point) and root != point]
        if scope.holds(point):
            places.append(point)
        changes += [Change(cause, point, place, stacked=bool(was)) for place in places]
    return changes


def _stacks(mounts: list[Mount]) -> dict[bytes, list[Mount]]:
    stacks: dict[bytes, list[Mount]] = {}
    for mount in mounts:
        stacks.setdefault(mount.point, []).append(mount)
    return stacks


class Mounts:
    """Follows the mount table for the worker."""

    def __init__(
        self,
        context: SensorContext,
        *,
        scope: Scope,
        source: EventSource,
        dirty: DirtySet,
        baseline: Baseline,
        examiner: Examiner,
        visibility: Visibility,
    ) -> None:
        """Opens the table; `close` must follow."""
        self._context = context
        self._scope = scope
        self._source = source
        self._dirty = dirty
        self._baseline = baseline
        self._examiner = examiner
        self._visibility = visibility
        self._file = os.open(PATH, os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLPRI)
        self._table = read_mounts()
        self._looked = context.now()
        self._stack: list[tuple[bytes, bool]] = []
        self._changes: list[tuple[Change, bool, int, int]] = []

    def close(self) -> None:
        """Close the table."""
        os.close(self._file)

    @property
    def pending(self) -> bool:
        """Whether places are to be compared."""
        return bool(self._stack or self._changes)

    def check(self) -> bool:
        """Take note of changes; return whether everything is to be compared.

        That is when the table says that it changed, yet is as it was: a file system was unmounted
        and mounted again, and nobody knows which.
        """
        changed = bool(self._poll.poll(0))
        now = self._context.now()
        since, self._looked = self._looked, now
        if not changed:
            return False
        table = read_mounts()
        changes = differences(self._scope, self._table, table)
        same = table == self._table
        self._table = table
        self._source.mounts_changed(everywhere=same)
        for change in changes:
            self._source.drop(change.place)
            covers = self._covers(change)
            if covers:
                self._visibility.mount(change.cause, change.place, since)
            self._stack.append((change.place, False))
            self._note(change)
            self._changes.append((change, covers, since, now))
        return same

    def step(self) -> None:
        """Compare one directory of the places that have changed."""
        if self._stack:
            path, fresh = self._stack.pop()
            known = self._dirty.take_directory(path)
            work = Work(known.names, whole=path != ROOTS, fresh=fresh or known.fresh)
            self._stack += self._examiner.examine(path, work, FOUND_BY)
            return
        for change, covers, begin, end in self._changes:
            # Where the file system is missed, the blindness lasts, and is told as such.
            missed = change.place in self._examiner.blind
            if covers or (change.cause == "unmounted" and not missed):
                self._visibility.mount(change.cause, change.place, begin, end=end)
        self._changes = []

    def _covers(self, change: Change) -> bool:
        """Tell whether something was there that is hidden now: not of a disk that is back."""
        if change.cause != "mounted_over":
            return False
        entry = self._baseline.directory(self._context.guard.guard(change.place))
        known = entry is not None and not entry.mount
        return change.stacked or known

    def _note(self, change: Change) -> None:
        """Tell the examiner how to take what it finds."""
        place = change.place
        if place in self._scope.roots:
            # A root itself is looked at from its directory, which is not on disk.
            self._dirty.touched(ROOTS, place, writing=False)
            self._stack.append((ROOTS, False))
        else:
            directory, name = split(place)
            self._dirty.touched(directory, name, writing=False)
        if change.point != place:
            # What a root lies on is away: the root is neither there nor gone.
            away = self._examiner.away
            (away.add if change.cause == "unmounted" else away.discard)(place)
