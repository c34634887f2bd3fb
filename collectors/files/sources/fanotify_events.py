"""What fanotify tells, turned into what is to be looked at.

See `collectors.files.sources.fanotify` for what is promised of order and number.
"""

from __future__ import annotations

import os
from typing import Protocol

from collectors.files.dirty import DirtySet
from collectors.files.scope import ROOTS, Scope, join, split
from collectors.files.sources import fanotify_api as api
from collectors.files.sources.fanotify_wire import Event
from collectors.files.sources.handles import Handles, Place
from collectors.files.writer import Writer

_TOUCHED = api.MODIFY | api.CLOSE_WRITE | api.ATTRIB
_ARRIVES = api.CREATE | api.MOVED_TO
_LEAVES = api.DELETE | api.MOVED_FROM
_CWD = -100


class Writers(Protocol):
    """Who knows the processes behind events."""

    @property
    def descriptor(self) -> int:
        """What becomes readable when a program starts."""

    def start(self) -> None:
        """Begin to record; `stop` must follow.

        Raises:
            OSError: it cannot be done here.
        """

    def stop(self) -> None:
        """Close everything."""

    def refresh(self) -> None:
        """Take in file systems that have been mounted since."""

    def catch_up(self) -> None:
        """Take in all programs that started before this call."""

    def writer(self, pid: int) -> Writer | None:
        """Return what is known of a process, at once."""


class Tree(Protocol):
    """Who keeps the watched directories."""

    generation: int
    """Counts the losses: what was learnt before the latest is to be learnt again."""

    def arrived(self, path: bytes) -> None:
        """Take in the directory *path*, which has come with content."""

    def left(self, path: bytes) -> None:
        """Forget the directory *path*, which is gone from there."""


class Ear:
    """Takes events, one after the other."""

    def __init__(
        self,
        scope: Scope,
        dirty: DirtySet,
        handles: Handles,
        tree: Tree,
        writers: Writers | None,
    ) -> None:
        self._scope = scope
        self._dirty = dirty
        self._handles = handles
        self._tree = tree
        self._writers = writers

    def take(self, event: Event) -> bool:
        """Take one event; return whether it is about something in the scope."""
        mask = event.mask
        if mask & api.RENAME:
            return self._renamed(event)
        about = False
        for place in self._handles.places(event.directory or event.target):
            about = True
            if event.name in (b"", b"."):
                self._about_itself(place, event)
                continue
            entry = self._scope.entry(place.path(), event.name)
            if entry is not None:
                self._about_name(entry[0], event._replace(name=entry[1]))
        return about

    def _renamed(self, event: Event) -> bool:
        is_directory = bool(event.mask & api.ONDIR)
        about = False
        for place in self._handles.places(event.old_directory):
            about = True
            entry = self._scope.entry(place.path(), event.old_name)
            if entry is not None:
                self._left(*entry, event)
        for place in self._handles.places(event.directory):
            about = True
            entry = self._scope.entry(place.path(), event.name)
            if entry is not None:
                self._dirty.moved_in(*entry, writer=self._writer(event.pid))
                if is_directory:
                    self._came(join(*entry), event, walk=True)
        return about

    def _about_itself(self, place: Place, event: Event) -> None:
        directory, name = (ROOTS, place.name) if place.parent is None else split(place.path())
        self._dirty.touched(directory, name, writing=False, writer=self._writer(event.pid))
        gone = event.mask & (api.MOVE_SELF | api.DELETE_SELF)
        if place.parent is None and gone and not _same(place.name, place.key):
            self._handles.cut(place.name)

    def _about_name(self, directory: bytes, event: Event) -> None:
        mask, name, pid = event.mask, event.name, event.pid
        is_directory = bool(mask & api.ONDIR)
        if mask & _ARRIVES and mask & _LEAVES:
            if self._stands(directory, event):
                self._left(directory, name, event)
                self._arrived(directory, event)
            else:
                self._arrived(directory, event)
                # Events of what was inside may follow, hence not `_left`.
                writer = self._writer(pid)
                self._dirty.gone(directory, name, is_directory=is_directory, writer=writer)
                if is_directory and event.target:
                    self._handles.condemn(event.target)
                return
        elif mask & _LEAVES:
            self._left(directory, name, event)
            return
        elif mask & _ARRIVES:
            self._arrived(directory, event)
        if mask & _TOUCHED:
            writer = self._writer(pid)
            if mask & api.MODIFY:
                self._dirty.touched(directory, name, writing=True, writer=writer)
            if mask & (api.CLOSE_WRITE | api.ATTRIB):
                writing = bool(mask & api.MODIFY) and not mask & api.CLOSE_WRITE
                self._dirty.touched(directory, name, writing=writing, writer=writer)

    def _arrived(self, directory: bytes, event: Event) -> None:
        is_directory = bool(event.mask & api.ONDIR)
        writer = self._writer(event.pid)
        if event.mask & api.CREATE:
            self._dirty.created(directory, event.name, is_directory=is_directory, writer=writer)
        if event.mask & api.MOVED_TO:
            self._dirty.moved_in(directory, event.name, writer=writer)
        if is_directory:
            path = join(directory, event.name)
            self._came(path, event, walk=bool(event.mask & api.MOVED_TO))

    def _came(self, path: bytes, event: Event, *, walk: bool) -> None:
        """Take in a directory; one that was made here has no content that had no event."""
        child = self._handles.make(path) if event.target else None
        if child is not None and walk and child.key not in (b"", event.target):
            self._tree.left(path)  # what stood there is somewhere else now
            child = self._handles.make(path)
        if child is not None:
            self._handles.bind(child, event.target)
            child.generation = self._tree.generation
            self._dirty.whole(path, fresh=True)
        if walk or not event.target:
            self._tree.arrived(path)

    def _left(self, directory: bytes, name: bytes, event: Event) -> None:
        is_directory = bool(event.mask & api.ONDIR)
        if is_directory:
            path = join(directory, name)
            place = self._handles.find(path)
            # Two that change places: the other one has taken this place already.
            if place is None or not event.target or place.key in (b"", event.target):
                self._tree.left(path)
        writer = self._writer(event.pid)
        self._dirty.gone(directory, name, is_directory=is_directory, writer=writer)
        if is_directory:
            # Two that change places: both arrive before the second one is said to have gone.
            self._tree.arrived(join(directory, name))

    def _writer(self, pid: int) -> Writer | None:
        return None if self._writers is None else self._writers.writer(pid)

    @staticmethod
    def _stands(directory: bytes, event: Event) -> bool:
        """Tell whether what the event is about stands under its name now."""
        path = join(directory, event.name)
        return _same(path, event.target) if event.target else os.path.lexists(path)


def _same(path: bytes, key: bytes) -> bool:
    """Tell whether the object with this key stands at *path*."""
    try:
        # The key begins with the 8 bytes of the file system's id.
        return api.handle(_CWD, path).raw == key[8:]
    except OSError:
        return False
