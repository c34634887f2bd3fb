"""Which directory a file handle stands for."""

from __future__ import annotations

from collectors.files.scope import Scope
from collectors.files.sources.nodes import Node, Nodes


class Place(Node):
    """A directory that is listened to, once its *key* is known."""

    __slots__ = ("generation", "key")

    def __init__(self, parent: Node | None, name: bytes) -> None:
        super().__init__(parent, name)
        self.key = b""
        self.generation = -1
        """When the key was looked up; see ``FanotifySource``."""


class Handles:
    """Handle to place and back. A directory that is mounted twice has one handle, two places."""

    def __init__(self, scope: Scope) -> None:
        self._nodes = Nodes(scope, Place)
        self._by_key: dict[bytes, Place] = {}
        self._twins: dict[bytes, list[Place]] = {}
        self.condemned: dict[bytes, None] = {}
        """Keys of directories that are gone but may have events in the queue."""
        self.known = 0
        """Places with a key."""

    def make(self, path: bytes) -> Place | None:
        """Return the place of *path*, made if need be; None outside the scope."""
        return self._nodes.make(path)

    def find(self, path: bytes) -> Place | None:
        """Return the place of *path*."""
        return self._nodes.find(path)

    def places(self, key: bytes) -> tuple[Place, ...]:
        """Return where the directory with this handle is; nowhere when it is none of ours."""
        place = self._by_key.get(key)
        if place is None:
            return ()
        twins = self._twins.get(key)
        return (place,) if twins is None else (place, *twins)

    def bind(self, place: Place, key: bytes) -> None:
        """Take note that the directory at *place* has this handle now."""
        self.condemned.pop(key, None)
        if place.key == key:
            return
        if place.key:
            # Events of the directory that stood there before may still be in the queue.
            self.condemned[place.key] = None
        else:
            self.known += 1
        place.key = key
        first = self._by_key.setdefault(key, place)
        if first is not place:
            self._twins.setdefault(key, []).append(place)

    def cut(self, path: bytes) -> None:
        """Forget *path* and all below it."""
        for place in self._nodes.cut(path):
            if place.key:
                self.known -= 1
                self._forget(place, place.key)
                place.key = b""

    def condemn(self, key: bytes) -> None:
        """Forget a directory that is gone, at the next `bury`."""
        self.condemned[key] = None

    def bury(self) -> None:
        """Forget what was condemned: no event of it can come any more."""
        for key in self.condemned:
            for place in self.places(key):
                if place.key == key:
                    self.cut(place.path())
                else:
                    self._forget(place, key)
        self.condemned.clear()

    def _forget(self, place: Place, key: bytes) -> None:
        twins = self._twins.get(key, [])
        if place in twins:
            twins.remove(place)
        elif self._by_key.get(key) is place:
            if twins:
                self._by_key[key] = twins.pop(0)
            else:
                del self._by_key[key]
        if not twins:
            self._twins.pop(key, None)
