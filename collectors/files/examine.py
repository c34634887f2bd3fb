"""Comparing one directory with the baseline: the only place where changes are found.

A directory as it was is one comparison (`listing.unchanged`); one of a first baseline is recorded
in one go (`firstlook`); all others go name by name (`settle`).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from collectors.files import firstlook, listing, tree
from collectors.files.baseline import Directory, finished, same_directory
from collectors.files.dirty import Marks, Work
from collectors.files.rows import Stored, pack_state
from collectors.files.scope import ROOTS, join
from collectors.files.settle import NOT_RECORDED, Settler
from collectors.files.strays import Strays
from collectors.files.tell import Place
from collectors.paths import SafePath

_VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_LOST = {
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.EIO: "unmounted",
    errno.ESTALE: "unmounted",
    errno.ENOTCONN: "unmounted",
}
_UNSEEN = Marks(0.0)


class Examiner:
    """Finds changes, tells them to the journal and records them in the baseline."""

    def __init__(self, settler: Settler, pulse: Callable[[], None]) -> None:
        """*settler* does single names. *pulse* may raise to stop everything."""
        self._settler = settler
        self._guard = settler.guard
        self._scope = settler.scope
        self._baseline = settler.baseline
        self._journal = settler.journal
        self._source = settler.source
        self._pulse = pulse
        self.first = settler.first
        """Roots whose first baseline is being made."""
        self.blind = settler.blind
        """Directories that cannot be compared, and the cause."""
        self._out_of_reach: set[bytes] = set()
        self.away: set[bytes] = set()
        """Roots that lie on a file system that has been unmounted."""
        self._covered: set[bytes] = set()
        """Directories with files of their own that something was mounted over."""
        self._strays = Strays(
            self._baseline, (self._guard.guard(root) for root in self._scope.roots)
        )

    def examine(self, path: bytes, work: Work, found_by: str) -> list[tuple[bytes, bool]]:
        """Compare a directory; return its subdirectories, each with whether it is new.

        With *found_by* ``reconcile`` the directory gets its watch, before it is read.
        """
        self._pulse()
        if path == ROOTS:
            self._out_of_reach = self._unreachable_roots()
            names = {n: m for n, m in work.names.items() if n not in self._out_of_reach}
            return self._compare(path, tree.NOWHERE, work._replace(names=names), found_by)
        try:
            return self._open(path, work, found_by)
        except OSError as error:
            if error.errno not in _LOST:
                raise
            self.blind[path] = _LOST[error.errno]
            return []

    def looked(self, *, everywhere: bool) -> None:
        """Take note that a look is over; *everywhere*: all that was read has been settled."""
        if everywhere:
            for path in self._strays.take():
                self.remove_tree(path, "watch")
        self._settler.looked(everywhere=everywhere)

    def remove_tree(self, path: bytes, found_by: str) -> None:
        """Settle a directory that is gone, with all that the baseline knows below it."""
        self._settler.remove_tree(path, found_by)

    def _unreachable_roots(self) -> set[bytes]:
        """Return the roots below a directory that we may not search."""
        closed = set()
        for root in self._scope.roots:
            try:
                state = tree.look(tree.NOWHERE, ROOTS, root)
            except PermissionError:
                self.blind[root] = "permission"
                closed.add(root)
                continue
            if state is None and root in self.away:
                self.blind[root] = "unmounted"
                closed.add(root)
        for root in self._out_of_reach - closed:
            self.blind.pop(root, None)
        return closed

    def baselined(self) -> list[SafePath]:
        """Take note that the walk is complete; return the roots whose first baseline is made.

        A root that could not be read has none yet: its files are not news when it opens up.
        """
        for root in self.first - self.blind.keys():
            # What came between its being asked for and its being watched was told to nobody.
            self._journal.publish(SafePath(self._guard.guard(root).rstrip(b"/") + b"/"))
        self.first.intersection_update(self.blind)
        return [self._guard.guard(root) for root in self._scope.roots if root not in self.first]

    def _open(self, path: bytes, work: Work, found_by: str) -> list[tuple[bytes, bool]]:
        try:
            descriptor = tree.open_directory(path)
        except OSError as error:
            if error.errno not in _VANISHED:
                raise
            # The directory itself is settled with its parent; its names are gone.
            return self._compare(path, tree.NOWHERE, work._replace(whole=False), found_by)
        try:
            self.blind.pop(path, None)
            if found_by == "reconcile":
                self._source.add(path, descriptor)
            return self._compare(path, descriptor, work, found_by)
        finally:
            os.close(descriptor)

    def _compare(
        self, path: bytes, descriptor: int, work: Work, found_by: str
    ) -> list[tuple[bytes, bool]]:
        safe = self._guard.guard(path)
        state = os.fstat(descriptor) if descriptor != tree.NOWHERE else None
        entry = self._baseline.directory(safe)
        unknown = entry is None or not entry.complete
        added = entry is None
        if entry is None and state is None and path != ROOTS:
            entry = NOT_RECORDED
        elif entry is None:
            self._journal.wrote()
            entry = self._baseline.add_directory(safe, state)
            if found_by != "reconcile":  # a walk takes the parent first
                self._strays.added(safe)
        replaced = state is not None and not same_directory(entry, state)
        whole = work.whole or replaced or (unknown and state is not None)
        if whole and state is not None and self._unmounted(path, descriptor, state, entry):
            return []
        first = bool(self.first) and path != ROOTS and self._scope.root_of(path) in self.first
        place = Place(
            path,
            safe,
            descriptor,
            entry,
            found_by,
            fresh=work.fresh,
            silent=first and unknown and not work.fresh,
        )
        if replaced and state is not None:
            self._settler.forget_names(place, self._names(place))
            self._baseline.restart_directory(entry, state)
        if not whole:
            for name, marks in work.names.items():
                key = self._settler.key(place, name)
                self._settler.name(place, name, key, self._baseline.row(entry.id, key), marks)
            return []
        below = self._quick(place, work, state, empty=added)
        return self._whole(place, work, state) if below is None else below

    def _quick(
        self, place: Place, work: Work, state: os.stat_result | None, *, empty: bool
    ) -> list[tuple[bytes, bool]] | None:
        """Deal with a directory without looking at its rows; None where that cannot be done."""
        if state is None or work.names or place.fresh:
            return None
        entry = place.entry
        excluded = self._scope.excluding(place.path)
        names: list[bytes] | None = None
        if entry.seen is not None:
            if entry == finished(entry, state, mount=entry.mount, seen=entry.seen):
                names = listing.unchanged(place.descriptor, entry.seen, excluded)
        elif place.silent and (empty or not self._baseline.stored(entry.id)):
            names, seen = firstlook.record(self._settler, place, excluded)
            self._finish(place, state, seen)
        return None if names is None else [(join(place.path, name), False) for name in names]

    def _whole(
        self, place: Place, work: Work, state: os.stat_result | None
    ) -> list[tuple[bytes, bool]]:
        rows = self._baseline.stored(place.entry.id)
        marks = dict(work.names)
        below: list[tuple[bytes, bool]] = []
        excluded: set[bytes] = set()
        gathered = listing.Gathered()
        # All names at once: a directory that changes while it is read may show one twice.
        for name in self._names(place):
            key = self._settler.key(place, name)
            if self._scope.excluded(place.path, name):
                excluded.add(key)
                continue
            if name in self._out_of_reach and place.path == ROOTS:
                rows.pop(key, None)  # neither there nor gone: we cannot tell
                continue
            stored = rows.pop(key, None)
            mode = None
            if stored is not None and name not in marks and not place.fresh:
                mode = self._unchanged(place, name, stored)
            if mode is not None and stored is not None:
                gathered.add(name, key, stored.state)
            else:
                row = stored.row() if stored else None
                now = self._settler.name(place, name, key, row, marks.pop(name, _UNSEEN))
                mode = now.mode if now else 0
                gathered.add(name, key, pack_state(*now[:8]) if now and not now.again else None)
            if stat.S_ISDIR(mode):
                new = place.fresh or (stored is None and not self._settler.silent(place, name))
                below.append((join(place.path, name), new))
        for name, each in marks.items():
            key = self._settler.key(place, name)
            stored = rows.pop(key, None)
            self._settler.name(place, name, key, stored.row() if stored else None, each)
            gathered.add(name, key, None)
        for key, stored in rows.items():
            if not self._settler.missing(place, key, stored.row(), key in excluded):
                gathered.add(key, key, None)
        self._finish(place, state, gathered.digest())
        return below

    @staticmethod
    def _unchanged(place: Place, name: bytes, stored: Stored) -> int | None:
        """Return the mode of a file that is as it was; None where a closer look is due."""
        state = tree.look(place.descriptor, place.path, name)
        return state.st_mode if state is not None and stored.unchanged(state) else None

    def _finish(self, place: Place, state: os.stat_result | None, seen: bytes | None) -> None:
        mount = state is not None and tree.is_mount(place.descriptor)
        seen = None if state is None else seen
        entry = finished(place.entry, state, mount=mount, seen=seen)
        if entry != place.entry or self._baseline.unseen(entry.id):
            self._journal.wrote()
            self._baseline.finish_directory(entry)

    def _names(self, place: Place) -> set[bytes]:
        if place.path == ROOTS:
            return set(self._scope.roots)
        return tree.names(place.descriptor)

    def _unmounted(
        self, path: bytes, descriptor: int, state: os.stat_result, entry: Directory
    ) -> bool:
        """Tell whether the file system that we know here is not mounted: its files are not gone.

        An empty directory below it is a mount point: without its disk it says nothing. One with
        files of its own, that something was mounted over, is itself again.
        """
        if not entry.mount:
            other = finished(entry, state, mount=True).device != entry.device
            covers = other and entry.complete and tree.is_mount(descriptor)
            if covers and self._baseline.rows(entry.id):
                self._covered.add(path)
            return False
        if tree.is_mount(descriptor):
            return False
        if path in self._covered:
            self._covered.discard(path)
            return False
        self.blind[path] = "unmounted"
        return True
