"""The full sweep: every file is looked into, whether anybody saw it change or not.

Web roots come first and at any hour; all other paths in the hours of the settings. A pass counts
before it looks, so that it can say how far it is. Killed in the middle it begins again, and what
was looked into with the same rules costs one ``stat`` then. At its end, findings whose files are
gone are put in line, too: nobody may have seen them go.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from collectors.api import Coverage
from collectors.exposure.examine import Signature
from collectors.exposure.hours import Hours
from collectors.exposure.scan import walk
from collectors.exposure.select import LOOK, Scope, by_name, is_below
from collectors.exposure.settings import ExposureSettings
from collectors.exposure.state import State
from collectors.paths import PathGuard, SafePath
from collectors.pressure import under_pressure

BATCH = 64
"""Files that are put in line at once; only when nothing else waits."""
_GLANCE = 512
"""Files that one step compares, or counts."""
_REST = 10.0
"""Seconds between two batches while others wait for the machine."""
WEB, REST = "web roots", "other paths"
_COUNTING, _LOOKING, _MISSING = "counting", "looking", "missing"
_FLAG = {WEB: "swept", REST: "swept_rest"}

_log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """A file on disk."""

    real: bytes
    status: os.stat_result


class Pass(NamedTuple):
    """One pass over a part of the file system."""

    part: str
    name: str
    """Hash of its places and rules: a pass over others does not count as this one."""
    begin: float
    """Seconds since 1970."""
    entries: Iterator[Entry]


class Ended(NamedTuple):
    """What is remembered of the last pass that came to its end."""

    name: str
    begin: float


class Sweep:
    """One pass after the other. All calls from the sensor's thread."""

    def __init__(
        self,
        settings: ExposureSettings,
        scope: Scope,
        guard: PathGuard,
        state: State,
        rules: str,
        *,
        now: Callable[[], float] = time.time,
        pressure: Callable[[], bool] = under_pressure,
    ) -> None:
        """*rules*: see `fingerprint`. *now*: seconds since 1970."""
        self._scope = scope
        self._guard = guard
        self._state = state
        self._rules = rules
        self._hours = Hours(settings.sweep_hours)
        self._interval = settings.sweep_interval
        self._now = now
        self._pressure = pressure
        self._roots = {WEB: scope.web_roots, REST: scope.other_paths()}
        self._pass: Pass | None = None
        self._phase = _COUNTING
        self._after = b""
        self._rest = 0.0
        self._queued: dict[SafePath, int] = {}
        self._total = self._done = self._files = 0
        self._spent = 0.0
        self._started: float | None = None
        self._unlisted: dict[str, int] = {}
        """Places that could not be listed, by part, in its last pass."""

    def step(self) -> bool:
        """Go on a little; True when there is more to do at once, or files wait in line.

        Raises:
            sqlite3.Error: the state cannot be written.
        """
        now = time.monotonic()
        if now < self._rest:
            return False
        current = self._pass or self._next()
        if current is None or (current.part == REST and self._hours.wait(self._now())):
            self._pause()
            return False
        self._pass = current
        if self._pressure():
            # One batch and a rest, not none: a machine may be busy for days.
            self._rest = now + _REST
        if self._started is None:
            self._started = now
        if self._phase == _COUNTING:
            self._count(current)
        elif self._phase == _LOOKING:
            self._look(current)
        else:
            self._missing(current)
        return True

    def looked(self, path: SafePath) -> None:
        """Take note that *path*, which the sweep put in line, has been looked into."""
        self._done += self._queued.pop(path, 0)

    def again(self) -> None:
        """Begin anew: files may have come unnamed after the pass had passed their place.

        The caller is in a transaction, and commits it.
        """
        self._state.clear_flag(_FLAG[WEB])
        if self._pass is not None and self._pass.part == WEB:
            self._pass = None

    def follow(self) -> None:
        """Take the scope's roots as they are now; other ones are another pass."""
        roots = {WEB: self._scope.web_roots, REST: self._scope.other_paths()}
        if roots != self._roots:
            self._roots = roots
            self._pass = None

    def use(self, rules: str) -> None:
        """Look with other *rules* from now on: everything is to be read again."""
        if rules != self._rules:
            self._rules = rules
            self._pass = None

    def coverage(self) -> Coverage:
        """Return what is swept, how much of it, and how long it will take.

        ``sweep_percent`` and ``sweep_bytes`` are 0 while the files are being counted;
        ``sweep_eta`` (seconds of work) is -1 until it can be told; ``sweep_waits`` are the seconds
        until the hours of the settings begin; ``sweep_unlisted``, only when there are any, the
        places that the last pass could not list.
        """
        current = self._pass
        if current is None:
            parts = [part for part, roots in self._roots.items() if roots]
            ended = [one for part in parts if (one := self._ended(part)) is not None]
            names = [self._name(part) for part in parts]
            last = max((one.begin for one in ended), default=0.0)
            if names == [one.name for one in ended]:  # with the rules and roots of now
                blind = sum(self._unlisted.get(part, 0) for part in parts)
                more: Coverage = {"sweep_unlisted": blind} if blind else {}
                return {"sweep": "complete", "sweep_begin": round(last), **more}
            return {"sweep": "due", "sweep_waits": round(self._hours.wait(self._now()))}
        waits = self._hours.wait(self._now()) if current.part == REST else 0.0
        return {
            "sweep": f"counting {current.part}" if self._phase == _COUNTING else current.part,
            "sweep_files": self._files,
            "sweep_bytes": self._done,
            "sweep_total_bytes": self._total,
            "sweep_percent": self._percent(),
            "sweep_eta": self._eta(),
            "sweep_waits": round(waits),
        }

    def _percent(self) -> float:
        if self._phase == _COUNTING:
            return 0.0
        # A pass over empty files alone is as good as done.
        return round(100.0 * min(1.0, self._done / self._total), 1) if self._total else 100.0

    def _eta(self) -> int:
        working = time.monotonic() - self._started if self._started is not None else 0.0
        seconds = self._spent + working
        if self._phase == _COUNTING or self._done <= 0 or seconds < 1.0:
            return -1
        return round(seconds * max(0.0, self._total - self._done) / self._done)

    def _pause(self) -> None:
        if self._started is not None:
            self._spent += time.monotonic() - self._started
            self._started = None

    def _next(self) -> Pass | None:
        """Return the pass that is due, web roots first."""
        now = self._now()
        for part, roots in self._roots.items():
            ended, name = self._ended(part), self._name(part)
            first = ended is None or ended.name != name
            if not roots:
                continue
            # A clock that was set back must not stop the sweep for years.
            late = ended is not None and not 0 <= now - ended.begin < self._interval
            if first or (self._interval and late and not self._hours.wait(now)):
                self._phase, self._spent, self._started = _COUNTING, 0.0, None
                self._total = self._done = self._files = 0
                self._queued.clear()
                return Pass(part, name, now, self._entries(roots, tell=False))
        return None

    def _count(self, current: Pass) -> None:
        for number, entry in enumerate(current.entries, 1):
            self._files += 1
            self._total += entry.status.st_size
            if number >= _GLANCE:
                return
        self._phase = _LOOKING
        entries = self._entries(self._roots[current.part], tell=True)
        self._pass = current._replace(entries=entries)

    def _look(self, current: Pass) -> None:
        found: list[SafePath] = []
        for number, entry in enumerate(current.entries, 1):
            safe = self._guard.guard(entry.real)
            size = entry.status.st_size
            known = self._state.known(safe)
            signature = Signature.of(entry.status)
            if known is not None and known.rules == self._rules and known.signature == signature:
                self._done += size
            else:
                found.append(safe)
                self._queued[safe] = size
            if len(found) >= BATCH or number >= _GLANCE:
                break
        else:
            self._phase, self._after = _MISSING, b""
        self._put(found)

    def _missing(self, current: Pass) -> None:
        """Put files in line that are gone; after the last, remember the pass as done."""
        paths = self._state.paths(self._after, _GLANCE)
        roots = self._roots[current.part]
        self._put([safe for safe, device in paths if self._is_gone(safe, device, roots)])
        if len(paths) == _GLANCE:
            self._after = paths[-1][0]
            return
        done = msgspec.json.encode(Ended(current.name, current.begin)).decode()
        self._state.set_flag(_FLAG[current.part], done)
        self._pause()
        self._pass = None

    def _is_gone(self, safe: SafePath, device: int, roots: tuple[bytes, ...]) -> bool:
        real = self._guard.resolve(safe)
        if real is None:  # the look says the same
            return True
        inside = any(is_below(real, root) for root in roots)
        return inside and not os.path.lexists(real) and _device_above(real) == device

    def _put(self, paths: list[SafePath]) -> None:
        if paths:
            with self._state.connection:
                self._state.put_last(paths)

    def _ended(self, part: str) -> Ended | None:
        text = self._state.flag(_FLAG[part])
        try:
            return msgspec.json.decode(text, type=Ended | None) if text else None
        except msgspec.DecodeError:  # of an older version: sweep again
            return None

    def _name(self, part: str) -> str:
        # A root may be named after a citizen; hashed after the guard, for a plain hash is no wall.
        roots = sorted(self._guard.guard(root) for root in self._roots[part])
        return hashlib.sha256(b"\n".join([self._rules.encode(), *roots])).hexdigest()

    def _entries(self, roots: tuple[bytes, ...], *, tell: bool) -> Iterator[Entry]:
        web = self._roots[WEB]
        part = WEB if roots is web else REST
        self._unlisted[part] = 0
        for root in roots:
            blind: list[bytes] = []
            for real in walk(root, self._scope, blind, skip=web if roots is not web else ()):
                if by_name(real) != LOOK:
                    continue
                try:
                    yield Entry(real, os.lstat(real))
                except OSError:  # gone meanwhile
                    continue
            for folder in blind if tell else ():
                if not _has_gone(folder):
                    shown = self._guard.display(self._guard.guard(folder))
                    _log.warning("exposure: cannot list %s", shown)
                    self._unlisted[part] += 1


def _has_gone(path: bytes) -> bool:
    # Not os.path.lexists: a path that is too long for the kernel does not exist for it.
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _device_above(path: bytes) -> int | None:
    """Return the device of the innermost directory above *path* that is there.

    Another one than the file's: its file system is not mounted, which says nothing of the file.
    """
    while path != b"/":
        path = os.path.dirname(path)
        try:
            return os.lstat(path).st_dev
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None
