"""Whole file systems through one fanotify group: needs CAP_SYS_ADMIN, knows who did it.

One mark stands for a file system, so there is no limit of watches, no moment between a directory's
birth and its watch, and no loss: the queue is unlimited. Events name a directory by its file
handle; which handle is which path is learnt when the tree is walked and from the events
themselves. What happens outside the scope has a handle nobody knows, and is dropped there.

Order and number. The kernel merges what one process does to one name while the event waits.
With FAN_REPORT_TARGET_FID and FAN_RENAME (5.17; tried, not inferred) each file that ever stood
under a name keeps its own event and a rename is never merged, so each creation counts, as with
inotify; only one and the same file linked again under the name it had may count once. On older
kernels a name that came and went by one process between two reads counts once: each surviving
file is told exactly once, a short-lived one at least once unless another of its name was merged
with it. Merged marks of coming and going are put in order by looking at the disk.

File systems that fanotify cannot mark (a btrfs subvolume, overlay, FUSE, network) are watched by
inotify beside it.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from pathlib import Path
from typing import ClassVar

from collectors.files.dirty import DirtySet
from collectors.files.scope import Scope
from collectors.files.sources import fanotify_api as api
from collectors.files.sources.fanotify_events import Ear, Writers
from collectors.files.sources.fanotify_probe import open_group
from collectors.files.sources.fanotify_wire import parse
from collectors.files.sources.handles import Handles
from collectors.files.sources.inotify import InotifySource
from collectors.files.sources.nodes import forget_below
from collectors.files.sources.walk import add_tree
from collectors.files.tree import open_directory

_ALWAYS = api.MODIFY | api.CLOSE_WRITE | api.ATTRIB | api.CREATE | api.DELETE | api.ONDIR
_MERGED_MASK = _ALWAYS | api.MOVED_FROM | api.MOVED_TO
_UNMERGED_MASK = _ALWAYS | api.RENAME
_ABOUT_ROOTS = api.DELETE_SELF | api.MOVE_SELF | api.ONDIR

_READ = 1 << 16
"""Bytes at once: some 700 events, a few milliseconds."""
_DEEP = 400_000
"""Events in the queue (about 60 MB of the unit's memory) above which they are thrown away unread:
the whole tree is then compared. Unlimited means that the kernel would rather kill us."""


class FanotifySource:
    """Listens to the file systems below the roots of *scope*; tells *dirty*."""

    name: ClassVar[str] = "fanotify"
    detects_loss: ClassVar[bool] = True

    def __init__(
        self,
        scope: Scope,
        dirty: DirtySet,
        writers: Writers | None = None,
        *,
        unmerged: bool | None = None,
    ) -> None:
        """Touches nothing before `start`. *unmerged*: what the kernel can do (None: try)."""
        self._scope = scope
        self._dirty = dirty
        self._writers = writers
        self._unmerged = unmerged
        self._lock = threading.RLock()
        self._closing = False
        self._group = -1
        self._wake = -1
        self._directory = Path()
        self._ear: Ear | None = None
        self._thread: threading.Thread | None = None
        self._other: InotifySource | None = None
        self._handles = Handles(scope)
        self._systems: dict[int, bytes | None] = {}
        self.generation = 0
        """See `Tree`."""
        self._heard = time.time_ns()
        self._overflows = 0
        self._since = 0
        self._blind: dict[bytes, str] = {}
        self._pace = _Pace()

    @property
    def watched(self) -> int:
        """Directories whose handle is known, and those that inotify watches."""
        return self._handles.known + (self._other.watched if self._other else 0)

    @property
    def overflows(self) -> int:
        """Losses: of our own making, see `_DEEP`, of the kernel's, and of inotify's."""
        return self._overflows + (self._other.overflows if self._other else 0)

    @property
    def overflow_since(self) -> int:
        """When the last event before the latest loss was read, ns since 1970."""
        return max(self._since, self._other.overflow_since if self._other else 0)

    def start(self, directory: Path) -> None:
        """Open the group and start the reader; `stop` must follow.

        Raises:
            OSError: no such group is to be had; see `fanotify_api.init`.
        """
        self._directory = directory
        self._group, self._unmerged = open_group(self._unmerged)
        if self._writers is not None:
            try:
                self._writers.start()
            except OSError:  # files are told all the same
                self._writers = None
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._ear = Ear(self._scope, self._dirty, self._handles, self, self._writers)
        self._thread = threading.Thread(target=self._run, name="ronda-files-reader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the reader and close everything."""
        with self._lock:
            self._closing = True
        if self._thread is not None:
            os.eventfd_write(self._wake, 1)
            self._thread.join(5.0)
        if self._other is not None:
            self._other.stop()
        if self._writers is not None:
            self._writers.stop()
        for descriptor in (self._group, self._wake):
            if descriptor >= 0:
                os.close(descriptor)
        self._group = self._wake = -1

    def alive(self) -> bool:
        """Tell whether the readers run."""
        running = self._thread is not None and self._thread.is_alive()
        return running and (self._other is None or self._other.alive())

    def catch_up(self) -> None:
        """Read, here and now, what was in the queue when this was called."""
        with self._lock:
            if not self._closing:
                self._drain(api.queued(self._group))
        if self._other is not None:
            self._other.catch_up()

    def blind_paths(self) -> dict[bytes, str]:
        """Return the directories that nobody hears."""
        with self._lock:
            other = self._other.blind_paths() if self._other else {}
            return {**self._blind, **other}

    @property
    def names_writers(self) -> bool:
        """Tell whether the processes behind events are known."""
        return self._writers is not None

    def describe(self) -> str:
        """Return ``fanotify``, with inotify when that helps out."""
        return self.name if self._other is None else "fanotify and inotify"

    def add(self, path: bytes, descriptor: int) -> bool:
        """Learn the handle of the directory *path*, open as *descriptor*; mark its file system."""
        with self._lock:
            if self._closing:
                return False
            place = self._handles.make(path)
            if place is None:
                return False
            if place.key and place.generation == self.generation:
                return True
            system = self._system(descriptor)
            if system is None:
                return self._elsewhere().add(path, descriptor)
            self._handles.bind(place, system + api.handle(descriptor).raw)
            place.generation = self.generation
            if place.parent is None:
                with contextlib.suppress(OSError):  # then its end is found by comparing
                    api.mark(self._group, 0, _ABOUT_ROOTS, descriptor)
            self._blind.pop(path, None)
            return True

    def drop(self, path: bytes) -> None:
        """Forget *path* and all below it."""
        with self._lock:
            self.left(path)

    def mounts_changed(self, *, everywhere: bool) -> None:
        """Mark file systems again when they are met again: their numbers are used for others."""
        with self._lock:
            self._systems.clear()
            if everywhere:
                self.generation += 1
            if self._writers is not None:
                self._writers.refresh()

    def drop_if_gone(self, path: bytes) -> None:
        """Forget a directory that a comparison found missing, if it is."""
        try:
            os.close(open_directory(path))
        except OSError:
            with self._lock:
                self.left(path)

    def arrived(self, path: bytes) -> None:
        """Take in a directory that has come with content."""
        add_tree(
            path, self._scope, self._dirty, self.add, self._blind, closing=lambda: self._closing
        )

    def left(self, path: bytes) -> None:
        """Forget a directory that is gone from there."""
        self._handles.cut(path)
        forget_below(self._blind, path)
        if self._other is not None:
            self._other.drop(path)

    def _elsewhere(self) -> InotifySource:
        if self._other is None:
            other = InotifySource(self._scope, self._dirty)
            other.start(self._directory)
            self._other = other
        return self._other

    def _system(self, descriptor: int) -> bytes | None:
        """Return the id of the file system, marked; None when fanotify cannot mark it."""
        device = os.fstat(descriptor).st_dev
        if device not in self._systems:
            try:
                api.mark(self._group, api.MARK_FILESYSTEM, self._mask, descriptor)
                api.handle(descriptor)
                self._systems[device] = api.fsid(descriptor)
            except OSError:
                self._systems[device] = None
        return self._systems[device]

    @property
    def _mask(self) -> int:
        return _UNMERGED_MASK if self._unmerged else _MERGED_MASK

    def _run(self) -> None:
        poll = select.poll()
        for descriptor in (self._group, self._wake):
            poll.register(descriptor, select.POLLIN)
        if self._writers is not None:
            poll.register(self._writers.descriptor, select.POLLIN)
        while not self._closing:
            ready = dict(poll.poll())
            with self._lock:
                if self._writers is not None and self._writers.descriptor in ready:
                    self._writers.catch_up()  # while the process lives
                told = self._drain() if self._group in ready else 1
            self._pace.rest(told)

    def _drain(self, at_least: int = 1) -> int:
        """Take events until *at_least* so many are done or none is left.

        Returns how many were about something in the scope.
        """
        if api.queued(self._group) > _DEEP:
            self._discard()
            return 1
        done = told = 0
        while done < at_least:
            try:
                buffer = os.read(self._group, _READ)
            except BlockingIOError:
                break
            if self._writers is not None:
                # After the read: the programs behind these events had started before.
                self._writers.catch_up()
            count, ours = self._take(buffer)
            done += count
            told += ours
            self._heard = time.time_ns()
        if self._handles.condemned and not api.queued(self._group):
            # Nothing of the directories that are gone can be in the queue any more.
            self._handles.bury()
        return told

    def _take(self, buffer: bytes) -> tuple[int, int]:
        """Take what one read gave; return how many events, and how many about the scope."""
        if self._ear is None:
            raise RuntimeError("start the source first")
        done = told = 0
        for event in parse(buffer):
            done += 1
            if event.mask & api.OVERFLOW:
                self._overflowed()
            else:
                told += self._ear.take(event)
        return done, told

    def _discard(self) -> None:
        left = api.queued(self._group)
        while left > 0:
            try:
                left -= sum(1 for _ in parse(os.read(self._group, _READ * 16)))
            except BlockingIOError:
                break
        self._overflowed()

    def _overflowed(self) -> None:
        self._overflows += 1
        self._since = self._heard
        self.generation += 1  # the walk that follows learns each handle anew
        self._dirty.everything()


class _Pace:
    """Lets events gather when most of them are none of ours.

    A busy database wakes us for each write. Repeated writes merge while they wait, so that a pause
    costs nothing but delay; it is kept only while nothing in the scope happens.
    """

    _LIMIT = 50
    _PAUSE = 0.02

    def __init__(self) -> None:
        self._idle = 0
        self._since = 0.0

    def rest(self, told: int) -> None:
        """Wait a little after the 50th batch within a second that told nothing."""
        now = time.monotonic()
        if told or now - self._since > 1.0:
            self._idle = 0
            self._since = now
            return
        self._idle += 1
        if self._idle > self._LIMIT:
            time.sleep(self._PAUSE)
