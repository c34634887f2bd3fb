"""Comparing one directory with the baseline: the only place where changes are found."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence

from collectors.api import SensorContext
from collectors.files import tree
from collectors.files.baseline import Baseline, Directory, Stored, finished, same_directory
from collectors.files.compare import Row, classify, racy, row_of
from collectors.files.dirty import CREATED, MOVED, NOTHING, DirtySet, Marks, Work, account
from collectors.files.hashing import hash_file
from collectors.files.journal import Journal
from collectors.files.meaning.growth import Growth
from collectors.files.scope import ROOTS, Scope, join
from collectors.files.sources.source import EventSource
from collectors.files.strays import Strays
from collectors.files.tell import Addition, Listener, Place, Subject, Teller
from collectors.paths import SafePath

_VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_LOST = {
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.EIO: "unmounted",
    errno.ESTALE: "unmounted",
    errno.ENOTCONN: "unmounted",
}
_NOT_RECORDED = Directory(0, 0, 0, mount=False, complete=False)
_UNSEEN = Marks(0.0)


class Examiner:
    """Finds changes, tells them to the journal and records them in the baseline."""

    def __init__(
        self,
        context: SensorContext,
        *,
        scope: Scope,
        baseline: Baseline,
        journal: Journal,
        source: EventSource,
        dirty: DirtySet,
        limit: int,
        pulse: Callable[[], None],
        listener: Listener | None = None,
        additions: Sequence[Addition] = (),
        growth: Growth | None = None,
    ) -> None:
        """*limit*: bytes above which files are sampled. *pulse* may raise to stop everything."""
        self._growth = growth
        self._context = context
        self._guard = context.guard
        self._scope = scope
        self._baseline = baseline
        self._journal = journal
        self._teller = Teller(context, journal, listener, additions)
        self._source = source
        self._dirty = dirty
        self._limit = limit
        self._pulse = pulse
        complete = baseline.complete_roots()
        self.first = {root for root in scope.roots if self._guard.guard(root) not in complete}
        """Roots whose first baseline is being made."""
        self._untold = frozenset(self.first)
        self.blind: dict[bytes, str] = {}
        """Directories that cannot be compared, and the cause."""
        self._out_of_reach: set[bytes] = set()
        self.away: set[bytes] = set()
        """Roots that lie on a file system that has been unmounted."""
        self.uncovered: set[bytes] = set()
        """Directories with files of their own that something was mounted over."""
        self._strays = Strays(baseline, (self._guard.guard(root) for root in scope.roots))
        self._settled: set[tuple[bytes, bytes]] = set()
        self._settling: set[tuple[bytes, bytes]] = set()

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
        self._settled = self._settling if everywhere else self._settled | self._settling
        self._settling = set()

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
        if entry is None and state is None and path != ROOTS:
            entry = _NOT_RECORDED
        elif entry is None:
            self._journal.wrote()
            entry = self._baseline.add_directory(safe, state)
            self._strays.added(safe)
        replaced = state is not None and not same_directory(entry, state)
        whole = work.whole or replaced or (unknown and state is not None)
        if whole and state is not None and self._unmounted(path, descriptor, entry):
            return []
        first = path != ROOTS and self._scope.root_of(path) in self.first
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
            self._forget_names(place)
            self._baseline.restart_directory(entry, state)
        if not whole:
            for name, marks in work.names.items():
                key = self._key(place, name)
                self._name(place, name, key, self._baseline.row(entry.id, key), marks)
            return []
        return self._whole(place, work, state)

    def _whole(
        self, place: Place, work: Work, state: os.stat_result | None
    ) -> list[tuple[bytes, bool]]:
        rows = self._baseline.stored(place.entry.id)
        marks = dict(work.names)
        below: list[tuple[bytes, bool]] = []
        excluded: set[bytes] = set()
        # All names at once: a directory that changes while it is read may show one twice.
        for name in self._names(place):
            key = self._key(place, name)
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
            if mode is None:
                row = stored.row() if stored else None
                now = self._name(place, name, key, row, marks.pop(name, _UNSEEN))
                mode = now.mode if now else 0
            if stat.S_ISDIR(mode):
                new = place.fresh or (stored is None and not self._silent(place, name))
                below.append((join(place.path, name), new))
        for name, each in marks.items():
            key = self._key(place, name)
            stored = rows.pop(key, None)
            self._name(place, name, key, stored.row() if stored else None, each)
        for key, stored in rows.items():
            self._missing(place, key, stored.row(), key in excluded)
        self._finish(place, state)
        return below

    @staticmethod
    def _unchanged(place: Place, name: bytes, stored: Stored) -> int | None:
        """Return the mode of a file that is as it was; None where a closer look is due."""
        state = tree.look(place.descriptor, place.path, name)
        return state.st_mode if state is not None and stored.unchanged(state) else None

    def _finish(self, place: Place, state: os.stat_result | None) -> None:
        mount = state is not None and tree.is_mount(place.descriptor)
        entry = finished(place.entry, state, mount=mount)
        if entry != place.entry:
            self._journal.wrote()
            self._baseline.finish_directory(entry)

    def _names(self, place: Place) -> set[bytes]:
        if place.path == ROOTS:
            return set(self._scope.roots)
        return tree.names(place.descriptor)

    def _key(self, place: Place, name: bytes) -> bytes:
        if place.path == ROOTS:
            return self._guard.guard(name)
        return self._guard.guard_name(name)

    def _silent(self, place: Place, name: bytes) -> bool:
        return name in self.first if place.path == ROOTS else place.silent

    def _name(
        self, place: Place, name: bytes, key: bytes, row: Row | None, marks: Marks
    ) -> Row | None:
        """Settle one name; return what stands there now."""
        now = self._state(place, name, row)
        came = marks.first in (CREATED, MOVED)
        told = row is not None and not self._recorded_untold(place, row, now, marks)
        if self._silent(place, name) and row is None and marks.arrivals == 0 and not came:
            if now is not None:
                self._journal.wrote()
                self._baseline.put_row(place.entry.id, key, now._replace(silent=True))
            self._commit_if_due()
            return now
        if row is not None and row.type == "dir" and (now is None or now.type != "dir"):
            self.remove_tree(join(place.path, name), place.found_by)
        where = (place.path, name)
        settled = marks.first != NOTHING and where in self._settled
        created, deleted = account(marks, before=told, after=now is not None, settled=settled)
        if now is None and (marks.last in (CREATED, MOVED) or (marks.last == NOTHING and told)):
            self._settling.add(where)
        subject = Subject(place, name, key, marks.writer)
        if created or deleted:
            counts = (created, deleted)
            self._teller.alternate(subject, row if told else None, now, counts, marks)
        elif row is not None and now is not None:
            now = self._changed(subject, row, now)
        self._record(place, key, row, now)
        self._commit_if_due()
        return now

    def _changed(self, subject: Subject, row: Row, now: Row) -> Row:
        """Settle a file that was there and is there; return it as it is to be recorded."""
        action = classify(row, now)
        if action is None:
            return now._replace(silent=row.silent)
        if self._growth is not None and self._growth.quiet(subject.path):
            return now._replace(silent=row.silent)
        self._teller.tell(subject, action, now=now, row=row)
        return now

    def _recorded_untold(self, place: Place, row: Row, now: Row | None, marks: Marks) -> bool:
        """Tell whether the first baseline recorded silently what then turns out to be new."""
        if not row.silent or self._scope.root_of(place.path) not in self._untold:
            return False
        if marks.first == MOVED:  # with another inode it has replaced what was recorded
            return now is not None and now.inode == row.inode
        return marks.first == CREATED or place.fresh

    def _state(self, place: Place, name: bytes, row: Row | None) -> Row | None:
        state = tree.look(place.descriptor, place.path, name)
        if state is None:
            return None
        now = row_of(state)
        if not stat.S_ISREG(state.st_mode):
            return now
        if row is not None and not row.again and row.signature == now.signature:
            return now._replace(outcome=row.outcome, digest=row.digest)
        if self._growth is not None:
            grown = self._growth.look(place, name, self._key(place, name), row, now)
            if grown is not None:
                return grown
        started = self._context.now()
        directory = None if place.path == ROOTS else place.descriptor
        result = hash_file(name, directory, self._limit, self._pulse)
        if result.outcome == "gone":
            return None
        if result.state is not None:
            now = row_of(result.state)
        unstable = result.outcome == "unstable"
        if unstable:  # look again as soon as it is left alone for a second
            self._dirty.touched(place.path, name, writing=True)
        return now._replace(
            outcome=result.outcome,
            digest=result.digest,
            again=unstable or racy(now.ctime, started),
        )

    def _record(self, place: Place, key: bytes, row: Row | None, now: Row | None) -> None:
        if now == row:
            return
        self._journal.wrote()
        if now is None:
            self._baseline.remove_row(place.entry.id, key)
        else:
            self._baseline.put_row(place.entry.id, key, now)

    def _missing(self, place: Place, key: bytes, row: Row, excluded: bool) -> None:
        """Settle a name of the baseline that the listing lacks."""
        silent = excluded
        if place.path == ROOTS:
            silent = True  # no longer in the settings
        elif not excluded and self._there_after_all(place, key):
            return
        if row.type == "dir":
            self.remove_tree(join(place.path, key), place.found_by, silent=silent)
        if not silent:
            self._teller.tell(Subject(place, key, key), "deleted", row=row)
        self._record(place, key, row, None)
        self._commit_if_due()

    @staticmethod
    def _there_after_all(place: Place, key: bytes) -> bool:
        # Renamed while the directory was read, a name may be missing from a listing.
        return b"\0" not in key and tree.look(place.descriptor, place.path, key) is not None

    def _forget_names(self, place: Place) -> None:
        """Another directory stands in its place: all that the baseline knew in it is gone."""
        rows = self._baseline.rows(place.entry.id)
        there = {self._key(place, name): name for name in self._names(place)}
        for key, row in rows.items():
            if row.type == "dir" and not self._compared(place, there.get(key)):
                self.remove_tree(join(place.path, key), place.found_by, silent=place.silent)
            if not place.silent:
                self._teller.tell(Subject(place, key, key), "deleted", row=row)
            self._record(place, key, row, None)
            self._commit_if_due()

    def _compared(self, place: Place, name: bytes | None) -> bool:
        """Tell whether the directory that stands there now is the one in the baseline.

        A look takes the deepest directories first: it may have been compared already.
        """
        state = None if name is None else tree.look(place.descriptor, place.path, name)
        if name is None or state is None or not stat.S_ISDIR(state.st_mode):
            return False
        entry = self._baseline.directory(self._guard.guard(join(place.path, name)))
        return entry is not None and same_directory(entry, state)

    def remove_tree(self, path: bytes, found_by: str, *, silent: bool = False) -> None:
        """Settle a directory that is gone, with all that the baseline knows below it."""
        for number, safe in self._baseline.subtree(self._guard.guard(path)):
            gone = _NOT_RECORDED._replace(id=number)
            place = Place(path, safe, tree.NOWHERE, gone, found_by, fresh=False, silent=silent)
            for key, row in self._baseline.rows(number).items():
                if not silent:
                    self._teller.tell(Subject(place, key, key), "deleted", row=row)
                self._record(place, key, row, None)
                self._commit_if_due()
            self._journal.wrote()
            self._baseline.remove_directory(number)
        for where in [p for p in self.blind if p == path or p.startswith(path + b"/")]:
            del self.blind[where]
        if b"\0" not in path:  # else a stored name, which is none that could be opened
            self._source.drop_if_gone(path)

    def _unmounted(self, path: bytes, descriptor: int, entry: Directory) -> bool:
        """Tell whether the file system that we know here is not mounted: its files are not gone."""
        if entry.mount and not tree.is_mount(descriptor) and path not in self.uncovered:
            self.blind[path] = "unmounted"
            return True
        return False

    def _commit_if_due(self) -> None:
        if self._journal.due():
            self._journal.commit()
            self._pulse()
