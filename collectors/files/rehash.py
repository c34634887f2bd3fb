"""Reading every file again, a little at a time: what changed without leaving a trace is found.

A store through a mapping that is already writable, a write to the raw disk, a failing disk, a
kernel that lies about times: none of them changes a signature. So each file is read at least once
in `rehash_interval`. The work is spread evenly by bytes; the place where it stands is kept, so
that a killed sensor goes on there; it rests while others wait for the processor or the disk.

A file with another content under the same signature is ``file.change`` ``modified`` with
``found_by`` ``rehash``. One whose signature differs belongs to the ordinary comparison.
"""

from __future__ import annotations

import math
import os
import stat
import struct
import time
from collections.abc import Callable, Iterator

from collectors.files import attributes, tree
from collectors.files.baseline import Baseline
from collectors.files.compare import OUTCOMES, Row, classify, row_of
from collectors.files.hashing import Hashed
from collectors.files.rows import AGAIN, BARE, Stored, packed, store
from collectors.files.scope import ROOTS, join, split
from collectors.files.settle import Settler
from collectors.files.status import Status
from collectors.files.tell import Place, Subject
from collectors.paths import SafePath
from collectors.pressure import under_pressure

FOUND_BY = "rehash"
_EACH = 16384
"""Bytes that opening a file counts as."""
_AHEAD = 0.9
"""The share of the interval in which all is read when nothing comes in between."""
_KEEP = 10.0
"""Seconds between two notes of where the work stands."""
_REST = 10.0
"""Seconds of rest under load."""
_SIZE = struct.Struct("<q")
_SIZE_AT = struct.calcsize("<QQqq")
_HASHED = ("hashed", "sampled")
_CONTENT = frozenset(OUTCOMES.index(each) for each in _HASHED)
_SPECIAL = AGAIN | BARE
_BEGIN, _AT, _DONE, _TOTAL = "rehash_begin", "rehash_at", "rehash_done", "rehash_total"


class Rehasher:
    """One pass after the other. All calls from the sensor's thread."""

    def __init__(
        self,
        settler: Settler,
        status: Status,
        interval: float,
        finished: Callable[[], None],
        pressure: Callable[[], bool] | None = None,
    ) -> None:
        """*interval*: seconds in which all is read, 0: never. *finished* is called after a pass.

        *pressure* tells whether others are waiting for the machine.
        """
        self._settler = settler
        self._baseline: Baseline = settler.baseline
        self._status = status
        self._interval = interval
        self._finished = finished
        self._pressure = pressure or under_pressure
        self._rest = 0.0
        self._kept = 0.0
        self._begin = self._total = self._done = self._at = 0
        self._work: Iterator[int] | None = None
        self._seconds = 0.0
        self._passes = 0

    def step(self, seconds: float) -> bool:
        """Read for up to *seconds* if it is time; return whether there is more to do at once."""
        now = time.monotonic()
        if not self._interval or now < self._rest:
            return False
        if self._work is None:
            self._resume()
        if self._done >= self._due():
            return False
        if not self._late() and self._pressure():
            self._rest = now + _REST
            return False
        ended = self._read(now + seconds)
        self._seconds += time.monotonic() - now
        if ended:
            self._end()
        elif time.monotonic() - self._kept > _KEEP:
            self._keep()
        self._tell()
        return self._done < self._due()

    def _resume(self) -> None:
        """Take up the pass that was under way, or begin one."""
        baseline = self._baseline
        self._begin = baseline.get(_BEGIN) or 0
        if not self._begin or self._begin > self._settler.context.now():
            self._start()
        self._at = baseline.get(_AT) or 0
        self._done = baseline.get(_DONE) or 0
        self._total = baseline.get(_TOTAL) or 0
        self._work = self._files(self._at)

    def _start(self) -> None:
        """Begin a pass now: measure what there is to read."""
        self._begin, self._at, self._done, self._total = self._settler.context.now(), 0, 0, 0
        rows = self._baseline.connection.execute("SELECT state FROM file")
        for (state,) in rows:
            self._total += _EACH + _SIZE.unpack_from(state, _SIZE_AT)[0]
        self._seconds = 0.0
        self._keep()
        self._work = self._files(0)

    def _due(self) -> float:
        """Return how much should have been read by now."""
        passed = (self._settler.context.now() - self._begin) / 1e9
        if self._at < 0:  # this pass is over: the next is due when its interval is
            return self._done + 1 if passed >= self._interval * _AHEAD else 0
        share = passed / (self._interval * _AHEAD)
        # At the end all there is: more may have come since it was measured.
        return self._total * share + 1 if share < 1 else math.inf

    def _late(self) -> bool:
        """Tell whether the pass should be over: it rests no more; CPU quota and idle class stay."""
        return self._settler.context.now() - self._begin >= self._interval * 1e9

    def _read(self, deadline: float) -> bool:
        """Read until *deadline* or until enough is read; True at the end of the pass."""
        if self._at < 0:
            self._start()
        due = self._due()
        work = self._work
        if work is None:
            return False
        for amount in work:
            self._done += amount
            if time.monotonic() >= deadline or self._done >= due:
                return False
        return True

    def _end(self) -> None:
        self._passes += 1
        self._at = -1
        self._keep()
        self._finished()

    def _keep(self) -> None:
        """Note where the work stands; its loss would cost reading some files twice."""
        self._kept = time.monotonic()
        self._baseline.put_soon(
            {_BEGIN: self._begin, _AT: self._at, _DONE: self._done, _TOTAL: self._total}
        )

    def _tell(self) -> None:
        share = 1.0 if self._at < 0 else min(1.0, self._done / max(1, self._total))
        ends = self._begin / 1e9 + self._interval * _AHEAD
        self._status.update(
            rehash_percent=round(100 * share, 1),
            rehash_bytes=self._done,
            rehash_eta=round(max(0.0, ends - self._settler.context.now() / 1e9)),
            rehash_seconds=round(self._seconds, 3),
            rehashes=self._passes,
        )

    def _files(self, after: int) -> Iterator[int]:
        """Look at each file; yield what it counted as. Nothing is held open between two steps
        but one directory."""
        query = "SELECT id, path FROM directory WHERE id > ? ORDER BY id LIMIT 1"
        while True:
            found = self._baseline.connection.execute(query, (after,)).fetchone()
            if found is None:
                return
            after, safe = int(found[0]), SafePath(bytes(found[1]))
            yield from self._directory(after, safe)
            self._at = after

    def _directory(self, number: int, safe: SafePath) -> Iterator[int]:
        path = self._settler.guard.resolve(safe)
        entry = self._baseline.directory(safe)
        if path is None or entry is None:
            return
        try:
            descriptor = tree.NOWHERE if path == ROOTS else tree.open_directory(path)
        except OSError:  # gone or out of reach: the comparison says so
            return
        place = Place(path, safe, descriptor, entry, FOUND_BY, fresh=False, silent=False)
        try:
            for key, stored in self._baseline.stored(number).items():
                yield self._look(place, key, stored)
        finally:
            if descriptor != tree.NOWHERE:
                os.close(descriptor)

    def _look(self, place: Place, key: bytes, stored: Stored) -> int:
        """Read one file again; return what it counts as."""
        result = self._hash(place, key, stored)
        if result is not None and _as_stored(result, stored):
            return _EACH + int(_SIZE.unpack_from(stored.state, _SIZE_AT)[0])
        row = stored.row()
        bare = stored.flags & BARE
        if not bare and (row.type != "file" or row.outcome == "not_hashed"):
            return _EACH
        name = self._name(place, key)
        if name is None or stored.flags & AGAIN:
            return _EACH  # the comparison looks at it anyway
        try:
            now = self._now(place, name, row, result)
        except OSError:
            return _EACH
        if now is None or store(now).state != stored.state:
            self._settler.dirty.touched(place.path, name, writing=False)
        elif now != row:
            self._differs(Subject(place, name, key), row, now)
        return _EACH + row.size

    def _hash(self, place: Place, key: bytes, stored: Stored) -> Hashed | None:
        """Hash what is nearly everything: a plain file under its own name; None for others."""
        if stored.flags & _SPECIAL or stored.outcome not in _CONTENT or b"\0" in key:
            return None
        directory = None if place.path == ROOTS else place.descriptor
        return self._settler.hasher.hash(key, directory)

    def _name(self, place: Place, key: bytes) -> bytes | None:
        """Return the name on disk of what is stored as *key*."""
        if b"\0" not in key:
            return key
        found = self._settler.guard.resolve(SafePath(join(place.safe, key)))
        return found if found is None or place.path == ROOTS else split(found)[1]

    def _now(self, place: Place, name: bytes, row: Row, result: Hashed | None) -> Row | None:
        """Return *row* as it is now, None where it is another file or cannot be told.

        *result* of reading it, if it was read already.
        """
        state = tree.look(place.descriptor, place.path, name)
        if state is None:
            return None
        if not stat.S_ISREG(state.st_mode):
            return self._settler.other(place, name, row)
        if result is None:
            directory = None if place.path == ROOTS else place.descriptor
            result = self._settler.hasher.hash(name, directory)
        if result.outcome not in _HASHED:
            return row if result.outcome == "unreadable" else None
        if result.state is None or packed(result.state) != packed(state):
            return None
        return row_of(result.state)._replace(
            outcome=result.outcome,
            digest=result.digest,
            silent=row.silent,
            attributes=result.attributes,
        )

    def _differs(self, subject: Subject, row: Row, now: Row) -> None:
        """Tell of another content; only fill in what was never known."""
        number, key = subject.place.entry.id, subject.key
        if self._baseline.row(number, key) != row:
            return  # settled meanwhile
        action = classify(row, now)
        if action is not None:
            self._settler.tell(subject, action, row, now)
        self._settler.record(subject.place, key, row, now)
        self._settler.journal.commit()


def _as_stored(result: Hashed, stored: Stored) -> bool:
    """Tell whether a file is what its row says: content, signature, attributes."""
    return (
        result.digest == stored.digest
        and result.state is not None
        and packed(result.state) == stored.state
        and result.outcome == OUTCOMES[stored.outcome]
        and result.attributes is not None
        and attributes.pack(result.attributes) == stored.attributes
    )
