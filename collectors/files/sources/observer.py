"""watchdog's documented observer, for a watchdog whose low-level reader is not the one we know.

It loses events in bursts and says nothing (an overflow is a log line, a directory beyond the limit
of watches is not even that): so this source claims nothing, the sensor compares more often, and
`status` says so. Names are told, the number of creations of one name is not exact.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import ClassVar

from watchdog.events import (
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirModifiedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from collectors.files.dirty import DirtySet
from collectors.files.scope import ROOTS, Scope, split
from collectors.files.sources.nodes import Node, Nodes
from collectors.files.sources.walk import add_tree
from collectors.files.tree import open_directory

# Without FileModifiedEvent watchdog does not ask the kernel for IN_ATTRIB: a chmod would go unseen.
# With the opened and closed-no-write ones our own hashing would wake us for ever.
FILTER: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileClosedEvent,
    FileAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirModifiedEvent,
    DirMovedEvent,
    DirAttribEvent,
]


class _Seen(Node):
    __slots__ = ("known",)

    def __init__(self, parent: Node | None, name: bytes) -> None:
        super().__init__(parent, name)
        self.known = False


class ObserverSource(FileSystemEventHandler):
    """Watches below the roots of *scope*, as far as watchdog does; tells *dirty*."""

    name: ClassVar[str] = "observer"
    detects_loss: ClassVar[bool] = False
    overflows: ClassVar[int] = 0
    overflow_since: ClassVar[int] = 0

    def __init__(self, scope: Scope, dirty: DirtySet) -> None:
        """Touches nothing before `start`."""
        self._scope = scope
        self._dirty = dirty
        self._lock = threading.RLock()
        self._closing = False
        self._nodes = Nodes(scope, _Seen)
        self._watches: dict[bytes, ObservedWatch] = {}
        self._observer: BaseObserver | None = None
        self._blind: dict[bytes, str] = {}
        self.watched = 0

    def start(self, directory: Path) -> None:  # noqa: ARG002 - as the protocol has it
        """Start watchdog's threads; a root is watched when it is added.

        Raises:
            OSError: no inotify instance is to be had.
        """
        self._observer = Observer()
        self._observer.start()

    def stop(self) -> None:
        """Stop watchdog's threads."""
        with self._lock:
            self._closing = True
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(5.0)

    def alive(self) -> bool:
        """Tell whether watchdog's threads run."""
        observer = self._observer
        return observer is not None and observer.is_alive()

    def catch_up(self) -> None:
        """Do nothing: watchdog holds events back for half a second and cannot be asked."""

    def mounts_changed(self, *, everywhere: bool) -> None:
        """Do nothing: a root that is mounted over is dropped and added again."""

    def blind_paths(self) -> dict[bytes, str]:
        """Return roots that could not be watched; of directories below watchdog says nothing."""
        with self._lock:
            return dict(self._blind)

    @property
    def names_writers(self) -> bool:
        """False: inotify says what, not who."""
        return False

    def describe(self) -> str:
        """Return the name of the backend."""
        return self.name

    def add(self, path: bytes, descriptor: int) -> bool:  # noqa: ARG002 - as the protocol has it
        """Watch *path* when it is a root; believe that watchdog does, when it is not."""
        with self._lock:
            node = None if self._closing else self._nodes.make(path)
            if node is None:
                return False
            if node.known:
                return True
            if node.parent is None and not self._schedule(path):
                return False
            node.known = True
            self.watched += 1
            return True

    def drop(self, path: bytes) -> None:
        """Forget *path* and all below it; a root is watched anew when it is added again."""
        with self._lock:
            for node in self._nodes.cut(path):
                self.watched -= node.known
                node.known = False
            watch = self._watches.pop(path, None)
            if watch is not None and self._observer is not None:
                self._observer.unschedule(watch)

    def drop_if_gone(self, path: bytes) -> None:
        """Forget a directory that is gone."""
        try:
            os.close(open_directory(path))
        except OSError:
            self.drop(path)

    def _schedule(self, root: bytes) -> bool:
        if self._observer is None:
            raise RuntimeError("start the source first")
        try:
            self._watches[root] = self._observer.schedule(
                self, os.fsdecode(root), recursive=True, event_filter=FILTER
            )
        except OSError:
            self._blind[root] = "watch_limit"
            return False
        self._blind.pop(root, None)
        return True

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by watchdog, in its dispatcher thread."""
        with self._lock:
            if self._closing:
                return
            source, target = os.fsencode(event.src_path), os.fsencode(event.dest_path)
            if event.event_type == "moved":
                self._went(source, is_directory=event.is_directory)
                self._came(target, is_directory=event.is_directory, moved=True)
            elif event.event_type == "created":
                self._came(source, is_directory=event.is_directory, moved=False)
            elif event.event_type == "deleted":
                self._went(source, is_directory=event.is_directory)
            elif place := self._place(source):
                writing = event.event_type == "modified" and not event.is_directory
                self._dirty.touched(*place, writing=writing)

    def _place(self, path: bytes) -> tuple[bytes, bytes] | None:
        """Return directory and name when they are in the scope."""
        if not self._scope.holds(path):  # watchdog knows no exclusions
            return None
        return (ROOTS, path) if path in self._scope.roots else split(path)

    def _came(self, path: bytes, *, is_directory: bool, moved: bool) -> None:
        place = self._place(path)
        if place is None:
            return
        if moved:
            self._dirty.moved_in(*place)
        else:
            self._dirty.created(*place, is_directory=is_directory)
        if is_directory:
            add_tree(
                path, self._scope, self._dirty, self.add, self._blind, closing=lambda: self._closing
            )

    def _went(self, path: bytes, *, is_directory: bool) -> None:
        place = self._place(path)
        if place is not None:
            self._dirty.gone(*place, is_directory=is_directory)
            if is_directory:
                self.drop(path)
