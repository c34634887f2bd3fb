"""Settling one name: what stood there by the baseline, what stands there now, what to tell."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Iterable, Sequence

from collectors.api import SensorContext
from collectors.files import attributes, tree
from collectors.files.baseline import Baseline, Directory, same_directory
from collectors.files.compare import Row, classify, racy, row_of
from collectors.files.dirty import CREATED, MOVED, NOTHING, DirtySet, Marks, account
from collectors.files.hashing import Hasher
from collectors.files.journal import Journal
from collectors.files.meaning.growth import Growth
from collectors.files.scope import ROOTS, Scope, below, join
from collectors.files.sources.source import EventSource
from collectors.files.tell import Addition, Listener, Place, Subject, Teller

NOT_RECORDED = Directory(0, 0, 0, mount=False, complete=False)


class Settler:
    """Compares single names, tells what changed to the journal and records it."""

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
        self.context = context
        self.guard = context.guard
        self.scope = scope
        self.baseline = baseline
        self.journal = journal
        self.source = source
        self.hasher = Hasher(limit, pulse)
        self._teller = Teller(context, journal, listener, additions)
        self.dirty = dirty
        self._pulse = pulse
        complete = baseline.complete_roots()
        self.first = {root for root in scope.roots if self.guard.guard(root) not in complete}
        """Roots whose first baseline is being made."""
        self._untold = frozenset(self.first)
        self._roots = [self.guard.guard(root) for root in scope.roots]
        self.blind: dict[bytes, str] = {}
        """Directories that cannot be compared, and the cause."""
        self._settled: set[tuple[bytes, bytes]] = set()
        self._settling: set[tuple[bytes, bytes]] = set()

    def looked(self, *, everywhere: bool) -> None:
        """Take note that a look is over; *everywhere*: all that was read has been settled."""
        self._settled = self._settling if everywhere else self._settled | self._settling
        self._settling = set()

    def key(self, place: Place, name: bytes) -> bytes:
        """Return *name* as it may be stored."""
        if place.path == ROOTS:
            return self.guard.guard(name)
        return self.guard.guard_name(name)

    def silent(self, place: Place, name: bytes) -> bool:
        return name in self.first if place.path == ROOTS else place.silent

    def name(
        self, place: Place, name: bytes, key: bytes, row: Row | None, marks: Marks
    ) -> Row | None:
        """Settle one name; return what stands there now."""
        now = self._state(place, name, row)
        came = marks.first in (CREATED, MOVED)
        told = row is not None and not self._recorded_untold(place, row, now, marks)
        if self.silent(place, name) and row is None and marks.arrivals == 0 and not came:
            if now is not None:
                self.record(place, key, None, now._replace(silent=True))
            self.commit_if_due()
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
        self.record(place, key, row, now)
        self.commit_if_due()
        return now

    def _changed(self, subject: Subject, row: Row, now: Row) -> Row:
        """Settle a file that was there and is there; return it as it is to be recorded."""
        action = classify(row, now)
        if action is None:
            return now._replace(silent=row.silent)
        if self._growth is not None and self._growth.quiet(subject.path, row, now):
            return now._replace(silent=row.silent)
        self._teller.tell(subject, action, now=now, row=row)
        return now

    def _recorded_untold(self, place: Place, row: Row, now: Row | None, marks: Marks) -> bool:
        """Tell whether the first baseline recorded silently what then turns out to be new."""
        if not row.silent or self.scope.root_of(place.path) not in self._untold:
            return False
        if marks.first == MOVED:  # with another inode it has replaced what was recorded
            return now is not None and now.inode == row.inode
        return marks.first == CREATED or place.fresh

    def _state(self, place: Place, name: bytes, row: Row | None) -> Row | None:
        state = tree.look(place.descriptor, place.path, name)
        if state is None:
            return None
        now = row_of(state)
        directory = None if place.path == ROOTS else place.descriptor
        if row is not None and not row.again and row.signature == now.signature:
            return now._replace(outcome=row.outcome, digest=row.digest, attributes=row.attributes)
        if not stat.S_ISREG(state.st_mode):
            return self.other(place, name, now)
        if self._growth is not None:
            grown = self._growth.look(place, name, self.key(place, name), row, now)
            if grown is not None:
                return grown
        started = self.context.now()
        result = self.hasher.hash(name, directory)
        if result.outcome == "gone":
            return None
        if result.state is not None:
            now = row_of(result.state)
        unstable = result.outcome == "unstable"
        if unstable:  # look again as soon as it is left alone for a second
            self.dirty.touched(place.path, name, writing=True)
        return now._replace(
            outcome=result.outcome,
            digest=result.digest,
            again=unstable or racy(now.ctime, started),
            attributes=result.attributes,
        )

    def other(self, place: Place, name: bytes, now: Row) -> Row:
        """Return *now* of what is no regular file with its attributes and where it points."""
        directory = None if place.path == ROOTS else place.descriptor
        digest = None
        if stat.S_ISLNK(now.mode):
            target = tree.link_target(place.descriptor, place.path, name)
            # Guarded: a target may be as telling as a name, and a plain hash is soon guessed.
            digest = target and hashlib.sha256(self.guard.guard(target)).digest()
        return now._replace(digest=digest, attributes=attributes.at(name, directory, now.mode))

    def tell(self, subject: Subject, action: str, row: Row, now: Row) -> None:
        """Tell a change that was found by reading."""
        self._teller.tell(subject, action, now=now, row=row)

    def record(self, place: Place, key: bytes, row: Row | None, now: Row | None) -> None:
        """Let *now* stand where *row* stood in the baseline."""
        if now == row:
            return
        self.journal.wrote()
        self.baseline.replace(place.entry.id, place.safe, key, row, now)

    def missing(self, place: Place, key: bytes, row: Row, excluded: bool) -> bool:
        """Settle a name of the baseline that the listing lacks; False: it is there after all."""
        silent = excluded
        if place.path == ROOTS:
            silent = True  # no longer in the settings
        elif not excluded and self._there_after_all(place, key):
            return False
        if row.type == "dir":
            # What goes silently has left the settings: not what another root holds.
            path = join(place.path, key)
            safe = self.guard.guard(path)
            spared = [root for root in self._roots if silent and below(root, safe)]
            self.remove_tree(path, place.found_by, silent=silent, spared=spared)
        if not silent:
            self._teller.tell(Subject(place, key, key), "deleted", row=row)
        self.record(place, key, row, None)
        self.commit_if_due()
        return True

    @staticmethod
    def _there_after_all(place: Place, key: bytes) -> bool:
        # Renamed while the directory was read, a name may be missing from a listing.
        return b"\0" not in key and tree.look(place.descriptor, place.path, key) is not None

    def forget_names(self, place: Place, names: Iterable[bytes]) -> None:
        """Another directory stands in its place: all that the baseline knew in it is gone.

        *names*: what is in it now.
        """
        rows = self.baseline.rows(place.entry.id)
        there = {self.key(place, name): name for name in names}
        for key, row in rows.items():
            if row.type == "dir" and not self._compared(place, there.get(key)):
                self.remove_tree(join(place.path, key), place.found_by, silent=place.silent)
            if not place.silent:
                self._teller.tell(Subject(place, key, key), "deleted", row=row)
            self.record(place, key, row, None)
            self.commit_if_due()

    def _compared(self, place: Place, name: bytes | None) -> bool:
        """Tell whether the directory that stands there now is the one in the baseline.

        A look takes the deepest directories first: it may have been compared already.
        """
        state = None if name is None else tree.look(place.descriptor, place.path, name)
        if name is None or state is None or not stat.S_ISDIR(state.st_mode):
            return False
        entry = self.baseline.directory(self.guard.guard(join(place.path, name)))
        return entry is not None and same_directory(entry, state)

    def remove_tree(
        self, path: bytes, found_by: str, *, silent: bool = False, spared: Sequence[bytes] = ()
    ) -> None:
        """Settle a directory that is gone, with all that the baseline knows below it.

        *spared*: roots that stay with what is below them, as they may be stored.
        """
        for number, safe in self.baseline.subtree(self.guard.guard(path)):
            if any(below(safe, root) for root in spared):
                continue
            gone = NOT_RECORDED._replace(id=number)
            place = Place(path, safe, tree.NOWHERE, gone, found_by, fresh=False, silent=silent)
            for key, row in self.baseline.rows(number).items():
                if not silent:
                    self._teller.tell(Subject(place, key, key), "deleted", row=row)
                self.record(place, key, row, None)
                self.commit_if_due()
            self.journal.wrote()
            self.baseline.remove_directory(number)
        for where in [p for p in self.blind if p == path or p.startswith(path + b"/")]:
            del self.blind[where]
        if b"\0" not in path:  # else a stored name, which is none that could be opened
            self.source.drop_if_gone(path)

    def commit_if_due(self) -> None:
        """Commit what has come together, if that is much or old."""
        if self.journal.due():
            self.journal.commit()
            self._pulse()
