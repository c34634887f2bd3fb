"""What the kernel said has changed and nobody has looked at yet.

Memory is bounded by distinct names, not by events: above `MAX_NAMES` a directory is dirty as a
whole, above `MAX_DIRECTORIES` the whole tree is. The kernel's events and our looking at the disk
are not in step: when we look, changes may be there whose events are still in the queue. `account`
settles that.
"""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from collectors.files.writer import Writer

MAX_NAMES = 65_536
"""Distinct names over all directories: about 20 MB."""
MAX_DIRECTORIES = 16_384
MAX_REPEATS = 1_000
"""Creations of one name between two looks that are told one by one."""
DEBOUNCE = 1.0
"""Seconds without a write after which a file that is still open for writing is looked at."""
PATIENCE = 10.0
"""Seconds after which a file is looked at although somebody writes all the time."""

NOTHING, CREATED, MOVED, GONE = range(4)


class Marks:
    """What was seen about one name since the last look."""

    __slots__ = (
        "arrivals",
        "directory",
        "first",
        "last",
        "since",
        "touched",
        "writer",
        "writing",
    )

    def __init__(self, now: float) -> None:
        self.first = NOTHING
        self.last = NOTHING
        self.arrivals = 0
        self.directory = False
        self.writing = False
        self.since = now
        self.touched = now
        self.writer: Writer | None = None


def account(marks: Marks, *, before: bool, after: bool, settled: bool = False) -> tuple[int, int]:
    """Return how many creations and deletions of a name are to be told. Pure.

    *before*: the name is in the baseline and was told. *after*: it is on disk now. Presence
    alternates, so a creation as the first event of a name that is already in the baseline is one
    that was found by looking earlier than its event was read: it is not told again. *settled*: the
    last look found the name gone before that was read, so a move is one onto the file that was
    told to be gone then. Exact as long
    as the reader has caught up with one look before the next look at that name.
    """
    created = marks.arrivals
    went = marks.last == GONE or marks.arrivals > 0
    if marks.first == CREATED and before:
        created -= 1
    elif marks.first == MOVED and not before and not (settled and went):
        created += 1
    ends_absent = marks.last == GONE or (marks.last == NOTHING and not before)
    if after and ends_absent:
        created += 1
    return created, int(before) + created - int(after)


class Work(NamedTuple):
    """One directory to look at."""

    names: dict[bytes, Marks]
    whole: bool
    """Compare all of it, not only *names*."""
    fresh: bool
    """It came into view while we watched: nothing in it was there before."""


class _Directory:
    __slots__ = ("fresh", "names", "since", "whole")

    def __init__(self, now: float) -> None:
        self.names: dict[bytes, Marks] = {}
        self.whole = False
        self.fresh = False
        self.since = now


class DirtySet:
    """Filled by the reader thread, emptied by the worker."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._directories: dict[bytes, _Directory] = {}
        self._names = 0
        self._release = False
        self._overflow = False
        self.folded = 0
        """Creations not told one by one since the last `take_folded`."""

    def __len__(self) -> int:
        return self._names + len(self._directories)

    def created(
        self,
        directory: bytes,
        name: bytes,
        *,
        is_directory: bool = False,
        writer: Writer | None = None,
    ) -> None:
        """IN_CREATE."""
        with self._changed:
            marks = self._marks(directory, name)
            if marks is None:
                self.folded += 1
                return
            marks.directory = is_directory
            if marks.arrivals >= MAX_REPEATS:
                self.folded += 1
            else:
                marks.arrivals += 1
            self._set(marks, CREATED, writer)

    def moved_in(self, directory: bytes, name: bytes, *, writer: Writer | None = None) -> None:
        """IN_MOVED_TO: a creation, unless it replaced a file of that name."""
        with self._changed:
            marks = self._marks(directory, name)
            if marks is None:
                return
            if marks.last == GONE and marks.arrivals < MAX_REPEATS:
                marks.arrivals += 1
            self._set(marks, MOVED, writer)
            marks.writing = False

    def gone(
        self, directory: bytes, name: bytes, *, is_directory: bool, writer: Writer | None = None
    ) -> None:
        """IN_DELETE or IN_MOVED_FROM."""
        with self._changed:
            # Names below a directory that goes must be settled before its removal is.
            self._release |= is_directory
            marks = self._marks(directory, name)
            if marks is not None:
                self._set(marks, GONE, writer)
                marks.writing = False

    def touched(
        self, directory: bytes, name: bytes, *, writing: bool, writer: Writer | None = None
    ) -> None:
        """IN_MODIFY (*writing*), IN_CLOSE_WRITE or IN_ATTRIB."""
        with self._changed:
            marks = self._marks(directory, name)
            if marks is not None:
                marks.writing = writing
                if writing or marks.writer is None:  # who wrote, rather than who then set a mode
                    marks.writer = writer or marks.writer
                marks.touched = time.monotonic()

    def whole(self, directory: bytes, *, fresh: bool = False) -> None:
        """All of *directory* is to be compared."""
        with self._changed:
            entry = self._entry(directory)
            if entry is not None:
                entry.whole = True
                entry.fresh |= fresh

    def everything(self) -> None:
        """The whole tree is to be compared."""
        with self._changed:
            self._overflow = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Let `wait` return."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Block until something is dirty, `wake`, or *seconds* have passed."""
        with self._changed:
            if not self._directories and not self._overflow:
                self._changed.wait(seconds)

    def take_overflow(self) -> bool:
        """Return and clear whether the whole tree is to be compared."""
        with self._changed:
            overflow, self._overflow = self._overflow, False
            return overflow

    def take_folded(self) -> int:
        """Return and clear how many creations were not kept one by one."""
        with self._changed:
            folded, self.folded = self.folded, 0
            return folded

    def take(self, *, everything: bool = False) -> dict[bytes, Work]:
        """Return and forget what is to be looked at, deepest directories first.

        Files that somebody is writing to stay for a while, unless *everything* is asked for.
        """
        now = time.monotonic()
        with self._changed:
            release = everything or self._release
            self._release = False
            taken: dict[bytes, Work] = {}
            for path in sorted(self._directories, key=lambda p: p.count(b"/"), reverse=True):
                entry = self._directories[path]
                ready = {n: m for n, m in entry.names.items() if release or _ready(m, now)}
                if ready or entry.whole:
                    taken[path] = Work(ready, entry.whole, entry.fresh)
                self._names -= len(ready)
                if len(ready) == len(entry.names):
                    del self._directories[path]
                    continue
                for name in ready:
                    del entry.names[name]
                entry.whole = entry.fresh = False
            return taken

    def take_directory(self, directory: bytes) -> Work:
        """Return and forget what is known about one directory."""
        with self._changed:
            entry = self._directories.pop(directory, None)
            if entry is None:
                return Work({}, whole=False, fresh=False)
            self._names -= len(entry.names)
            return Work(entry.names, entry.whole, entry.fresh)

    def _entry(self, directory: bytes) -> _Directory | None:
        entry = self._directories.get(directory)
        if entry is None:
            if len(self._directories) >= MAX_DIRECTORIES:
                self._overflow = True
                self._changed.notify_all()
                return None
            entry = self._directories[directory] = _Directory(time.monotonic())
            self._changed.notify_all()
        return entry

    def _marks(self, directory: bytes, name: bytes) -> Marks | None:
        entry = self._entry(directory)
        if entry is None:
            return None
        marks = entry.names.get(name)
        if marks is None:
            if self._names >= MAX_NAMES:
                entry.whole = True
                return None
            marks = entry.names[name] = Marks(time.monotonic())
            self._names += 1
        return marks

    @staticmethod
    def _set(marks: Marks, what: int, writer: Writer | None) -> None:
        if marks.first == NOTHING:
            marks.first = what
        marks.last = what
        marks.writer = writer or marks.writer


def _ready(marks: Marks, now: float) -> bool:
    if not marks.writing:
        return True
    return now - marks.touched >= DEBOUNCE or now - marks.since >= PATIENCE
