"""The kernel's eyes: watchdog's InotifyFD, with our own callback.

watchdog's stock observer loses events silently: its pairing of renames is a linear scan, an
overflow is one log line, directories beyond the watch limit are blind without a word. Its
low-level reader has none of these faults but is not documented API: the version is pinned and
tests/collectors/files/sources/test_inotify_watchdog_contract.py holds what we rely on.

The reader thread keeps the watches in step with directories that come and go, and fills the
`DirtySet`; it never reads a file.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyFD, Mask

from collectors.files.dirty import DirtySet
from collectors.files.scope import ROOTS, Scope, join
from collectors.files.sources.barrier import Barrier
from collectors.files.sources.nodes import Node, Nodes, forget_below
from collectors.files.sources.walk import add_tree
from collectors.files.tree import open_directory

_C = InotifyConstants
# No IN_OPEN, IN_ACCESS or IN_CLOSE_NOWRITE: our own hashing would wake us for ever.
MASK = Mask(
    _C.IN_CREATE
    | _C.IN_DELETE
    | _C.IN_MOVED_FROM
    | _C.IN_MOVED_TO
    | _C.IN_MODIFY
    | _C.IN_CLOSE_WRITE
    | _C.IN_ATTRIB
    | _C.IN_DELETE_SELF
    | _C.IN_MOVE_SELF
    | _C.IN_ONLYDIR
)

CAUSES = {errno.ENOSPC: "watch_limit", errno.ENOMEM: "watch_limit", errno.EACCES: "permission"}

logging.getLogger("watchdog").setLevel(logging.ERROR)  # its overflow line; ours says more


class _Watch(Node):
    """A directory, and watchdog's callback for it.

    One object per directory: two bind mounts of one directory have the same watch descriptor and
    both hear of a change.
    """

    __slots__ = ("ident", "inode", "source", "wd")

    def __init__(self, source: InotifySource, parent: Node | None, name: bytes, ident: int) -> None:
        super().__init__(parent, name)
        self.source = source
        self.ident = CallbackId(ident)
        self.wd: int | None = None
        self.inode = (0, 0)
        """Device and inode of what is watched."""

    def on_event(self, event: Any) -> None:
        """Called by watchdog, in its reader thread."""
        self.source.handle(self, event.mask, event.name)

    def on_watch_deleted(self, wd: int) -> None:
        """Called by watchdog: the kernel has dropped the watch."""
        if self.wd == wd:
            self.source.watched -= 1
            self.wd = None

    def on_queue_overflow(self) -> None:
        """Called by watchdog, once for each watch."""
        self.source.overflowed()


class InotifySource:
    """Watches below the roots of *scope*; tells *dirty*.

    Events of one name come in order and each one counts: a file is told once for each time that it
    came, also when it is gone again before anybody looks.
    """

    name: ClassVar[str] = "inotify"
    detects_loss: ClassVar[bool] = True

    def __init__(self, scope: Scope, dirty: DirtySet) -> None:
        """Touches nothing before `start`."""
        self._scope = scope
        self._dirty = dirty
        self._lock = threading.RLock()
        self._closing = False
        self._overflowing = False
        self._idents = 0
        self._heard = time.time_ns()
        self.watched = 0
        """Directories with a watch."""
        self.overflows = 0
        self.overflow_since = 0
        """ns: when the last event before the latest overflow was read."""
        self.blind: dict[bytes, str] = {}
        """Directories without a watch, and the cause. Guarded by the lock: see `blind_paths`."""
        self._nodes = Nodes(scope, self._new)
        self._reader: InotifyFD | None = None
        self._barrier: Barrier | None = None

    @property
    def _fd(self) -> InotifyFD:
        if self._reader is None:
            raise RuntimeError("start the source first")
        return self._reader

    def start(self, directory: Path) -> None:
        """Open the inotify instance and start the reader thread; `stop` must follow.

        *directory* is our own; a file in it serves `catch_up`.

        Raises:
            OSError: EMFILE when no instance is to be had.
        """
        try:
            self._reader = InotifyFD()
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            reason = "fs.inotify.max_user_instances is used up: raise it in /etc/sysctl.d"
            raise OSError(errno.EMFILE, reason) from error
        # watchdog opens it without IN_CLOEXEC: a child must not inherit it.
        os.set_inheritable(self._fd._inotify_fd, False)
        self._fd.name = "ronda-files-reader"
        self._barrier = Barrier(self._fd, directory)
        self._fd.start()

    def stop(self) -> None:
        """Stop the reader and close everything."""
        with self._lock:
            self._closing = True
        self._fd.stop()
        self._fd.join(5.0)
        if self._fd._is_reading and not self._fd.is_alive():
            # Stopped before its first read, it leaves the closing to a reader that never comes.
            self._fd._close_resources()
        if self._barrier is not None:
            self._barrier.close()

    def catch_up(self) -> None:
        """Wait until all that happened before this call is in the dirty set."""
        if self._barrier is not None:
            self._barrier.wait()

    def alive(self) -> bool:
        """Tell whether the reader runs."""
        return self._fd.is_alive()

    def blind_paths(self) -> dict[bytes, str]:
        """Return a copy of `blind`."""
        with self._lock:
            return dict(self.blind)

    def add(self, path: bytes, descriptor: int) -> bool:
        """Watch the directory *path*, open as *descriptor*. False: it stays blind, see `blind`."""
        with self._lock:
            if self._closing:
                return False
            node = self._nodes.make(path)
            if node is None:
                return False
            if node.wd is not None:
                if node.inode == _inode(descriptor):
                    return True
                # The one that we watch was moved away, and we have not heard of it (yet).
                self._drop(path)
                node = self._nodes.make(path)
            return node is not None and self._watch(node, path, descriptor)

    def drop_if_gone(self, path: bytes) -> None:
        """Drop the watches of a directory that a comparison found missing.

        Needed after an overflow: a directory that was moved away unseen would go on reporting
        under its old path.
        """
        with self._lock:
            try:
                os.close(open_directory(path))
            except OSError:
                self._drop(path)

    def drop(self, path: bytes) -> None:
        """Drop the watches of *path* and all below it."""
        with self._lock:
            self._drop(path)

    def mounts_changed(self, *, everywhere: bool) -> None:
        """Do nothing: the kernel drops watches with their file system."""

    @property
    def names_writers(self) -> bool:
        """False: inotify says what, not who."""
        return False

    def describe(self) -> str:
        """Return the name of the backend."""
        return self.name

    def handle(self, node: _Watch, mask: int, name: bytes) -> None:
        """Take one event."""
        with self._lock:
            self._overflowing = False
            self._heard = time.time_ns()
            if node.wd is None or self._closing:
                return  # queued before the watch was dropped: the path is no longer true
            if not name:
                self._about_itself(node, mask)
                return
            entry = self._scope.entry(node.path(), name)
            if entry is not None:
                self._about_name(*entry, mask)

    def overflowed(self) -> None:
        """Take note of an overflow; further calls for the same one do nothing."""
        with self._lock:
            if not self._overflowing:
                self._overflowing = True
                self.overflows += 1
                self.overflow_since = self._heard
                self._dirty.everything()

    def _about_itself(self, node: _Watch, mask: int) -> None:
        if mask & _C.IN_UNMOUNT:
            self._dirty.whole(node.path())
        if node.parent is None:  # others are told by their parent's watch
            self._dirty.touched(ROOTS, node.name, writing=False)
            if mask & (_C.IN_MOVE_SELF | _C.IN_DELETE_SELF):
                self._drop(node.name)

    def _about_name(self, directory: bytes, name: bytes, mask: int) -> None:
        is_directory = bool(mask & _C.IN_ISDIR)
        if mask & (_C.IN_DELETE | _C.IN_MOVED_FROM):
            if is_directory:
                # At once, before its new place is known: outside the tree it is none of ours.
                self._drop(join(directory, name))
            self._dirty.gone(directory, name, is_directory=is_directory)
            if is_directory:
                # Two that change places: both arrive before the second one is said to have gone.
                self._add_tree(join(directory, name))
        elif mask & (_C.IN_CREATE | _C.IN_MOVED_TO):
            if mask & _C.IN_CREATE:
                self._dirty.created(directory, name, is_directory=is_directory)
            else:
                self._dirty.moved_in(directory, name)
            if is_directory:
                self._add_tree(join(directory, name))
        else:
            self._dirty.touched(directory, name, writing=bool(mask & _C.IN_MODIFY))

    def _add_tree(self, top: bytes) -> None:
        """Watch a directory that has come, and all below it."""
        add_tree(top, self._scope, self._dirty, self.add, self.blind, closing=lambda: self._closing)

    def _watch(self, node: _Watch, path: bytes, descriptor: int) -> bool:
        try:
            # Through the descriptor: the very directory that was opened, however long its path.
            wd = self._fd.add_callback(b"/proc/self/fd/%d/." % descriptor, MASK, node, node.ident)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return False
            self.blind[path] = CAUSES.get(error.errno or 0, "watch_limit")
            return False
        if wd == -1:  # watchdog does not raise for EACCES, it records a watch that does not exist
            self._fd.remove_callbacks([(wd, node.ident)])
            self.blind[path] = "permission"
            return False
        node.wd = wd
        node.inode = _inode(descriptor)
        self.watched += 1
        self.blind.pop(path, None)
        return True

    def _new(self, parent: Node | None, name: bytes) -> _Watch:
        self._idents += 1
        return _Watch(self, parent, name, self._idents)

    def _drop(self, path: bytes) -> None:
        gone: list[tuple[Any, CallbackId]] = []
        for each in self._nodes.cut(path):
            if each.wd is not None:
                gone.append((each.wd, each.ident))
                each.wd = None
        self.watched -= len(gone)
        self._fd.remove_callbacks(gone)
        forget_below(self.blind, path)


def _inode(descriptor: int) -> tuple[int, int]:
    state = os.fstat(descriptor)
    return state.st_dev, state.st_ino
