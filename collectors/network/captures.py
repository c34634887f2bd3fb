"""The rings that are open in the agent: which interfaces come, go and change their name.

A packet socket is bound to an interface, not to a name: it lives on when the interface is renamed
or down, and is dead for good when the interface is deleted or moves to another namespace, even if
the next one has its name and number. So each look asks the socket itself (`sockets.Capture.name`).
"""

from __future__ import annotations

import logging
import os
import time

import msgspec

from collectors.api import Unsupported
from collectors.kinds import VisibilityLost
from collectors.network.gaps import Gaps
from collectors.network.interfaces import MOST, Interface, Interfaces, compare
from collectors.network.settings import NetworkSettings
from collectors.network.sockets import Capture, Shape, open_capture
from collectors.redact import scrub

_log = logging.getLogger(__name__)

_WILD = frozenset("*?[")
_LOOK = 2.0
"""Seconds between two looks at the interfaces."""


class Captures:
    """Owns the sockets; remembers what the child was not told yet."""

    def __init__(self, settings: NetworkSettings, interfaces: Interfaces, gaps: Gaps) -> None:
        """Open nothing yet."""
        self._interfaces = interfaces
        self._gaps = gaps
        self._shape = Shape(
            ring=settings.ring,
            retire=max(1, int(settings.ring_timeout * 1000)),
            snap=settings.snap,
            without=settings.endpoints(),
        )
        self._open: dict[str, Capture] = {}
        self._fresh: list[Capture] = []
        self._closed: list[str] = []
        self._renamed: dict[str, str] = {}
        self._next_look = 0.0
        # What the operator names by its name must be there, and so must what was.
        self._missing = {name for name in settings.interfaces if not _WILD.intersection(name)}
        self.local: frozenset[bytes] = frozenset()
        """Addresses of this host."""
        self.down: frozenset[str] = frozenset()
        """Interfaces that are watched and down: nothing passes there."""
        self.refused: dict[str, str] = {}
        """Interfaces that cannot be watched, and why."""

    @property
    def names(self) -> list[str]:
        """Interfaces that are watched."""
        return list(self._open)

    def look(self, now: int) -> list[VisibilityLost]:
        """See which interfaces came and went, every other second; return what that cost.

        *now*: ns since 1970.

        Raises:
            Unsupported: packet sockets do not work here, and none is open.
        """
        moment = time.monotonic()
        if moment < self._next_look:
            return []
        self._next_look = moment + _LOOK
        told: list[VisibilityLost] = []
        for name in [name for name, capture in self._open.items() if not capture.name()]:
            self._drop(name)
            told += self._gaps.gone(name, now)
        self._rename()
        up, present = self._interfaces.up(), self._interfaces.present()
        watched = {name: capture.index for name, capture in self._open.items()}
        changes = compare(watched, up, present)
        for name in changes.gone:
            self._drop(name)
            told += self._gaps.gone(name, now)
        for name in self._missing.difference(present):
            told += self._gaps.gone(name, now)
        self._missing.clear()
        for one in changes.come:
            if self._take(one):
                told += self._gaps.back(one.name, now)
        for name in self.refused.keys() - up.keys():
            del self.refused[name]
        self.down = frozenset(name for name in self._open if not self._interfaces.is_up(name))
        self.local = self._interfaces.addresses()
        return told

    def pending(self, most: int) -> tuple[list[Capture], tuple[str, ...], dict[str, str]]:
        """Return what the child does not know: sockets to open, at most so many; closed; renamed.

        Sockets wait until it has been told of new names: one of them may stand for two interfaces.
        """
        fresh = [] if self._renamed else self._fresh[:most]
        return fresh, tuple(self._closed), dict(self._renamed)

    @property
    def waiting(self) -> int:
        """How many sockets the child does not know yet."""
        return len(self._fresh)

    def knows(self, fresh: list[Capture]) -> None:
        """Take note that the child knows *fresh* and all that was closed and renamed."""
        del self._fresh[: len(fresh)]
        self._closed.clear()
        self._renamed.clear()

    def reopen(self) -> None:
        """Close all, for sockets that a new child can read from their beginning."""
        self._missing.update(self._open)
        self.close()
        self._fresh.clear()
        self._closed.clear()
        self._renamed.clear()
        self._next_look = 0.0

    def close(self) -> None:
        """Let go of all sockets."""
        for capture in self._open.values():
            capture.close()
        self._open.clear()

    def _rename(self) -> None:
        """Follow interfaces that have another name; nothing is lost by it."""
        names = {old: capture.name() for old, capture in self._open.items()}
        moved = {old: new for old, new in names.items() if new not in {"", old}}
        if not moved or self._renamed:
            return  # first the child hears of the last change
        captures = {new: self._open.pop(old) for old, new in moved.items()}
        for old, new in moved.items():
            capture = captures[new]
            capture.ring = msgspec.structs.replace(capture.ring, interface=new)
            if capture not in self._fresh:
                self._renamed[old] = new
            _log.info("network: %s is called %s now", scrub(old), scrub(new))
        self._open.update(captures)

    def _drop(self, name: str) -> None:
        capture = self._open.pop(name)
        capture.close()
        if capture in self._fresh:
            self._fresh.remove(capture)
            return
        # By the name under which the child knows it.
        known = next((old for old, new in self._renamed.items() if new == name), name)
        self._renamed.pop(known, None)
        self._closed.append(known)

    def _take(self, one: Interface) -> bool:
        if len(self._open) >= MOST:  # those that are only down keep their place
            self.refused[one.name] = f"{MOST} others are"
            return False
        shape = self._shape
        if one.loopback:
            shape = msgspec.structs.replace(shape, ring=max(shape.ring // 4, 2 << 20))
        try:
            capture = open_capture(one.name, one.index, shape, loopback=one.loopback)
        except (OSError, Unsupported) as error:
            if isinstance(error, Unsupported) and not self._open:
                raise
            number = error.errno if isinstance(error, OSError) else None
            reason = os.strerror(number) if number else str(error)
            if self.refused.get(one.name) != reason:
                _log.warning("network: %s cannot be watched: %s", scrub(one.name), reason)
            self.refused[one.name] = reason
            return False
        self.refused.pop(one.name, None)
        self._open[one.name] = capture
        self._fresh.append(capture)
        return True
