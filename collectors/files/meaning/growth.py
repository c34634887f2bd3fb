"""Logs: what only grows is not told again and again; what was cut or rewritten is.

That a log was only appended to is proven: the hash that the baseline has of it must be the hash of
as many bytes of it now. Reading a log whole costs, so a large one is read less often; that it has
become shorter shows at once. Of a log above the limit of hashing only head and end are compared.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable
from typing import ClassVar, TypeVar

import msgspec

from collectors.files import attributes
from collectors.files.compare import Row, differences, racy, row_of
from collectors.files.hashing import open_file
from collectors.files.meaning.neighbours import (
    SUFFIX,
    carried,
    copied,
    directory_of,
    ends,
    holds,
)
from collectors.files.meaning.roles import Roles
from collectors.files.tell import Place, Subject
from collectors.kinds import FileChange
from collectors.paths import SafePath

_K = TypeVar("_K")
_V = TypeVar("_V")

APPENDED, TRUNCATED, REWRITTEN, ROTATED = "appended", "truncated", "rewritten", "rotated"
QUIET = "quiet"
"""Grown, and told not long ago."""

_CHUNK = 1 << 20
_MOST = 2_000
_LIKE_A_LOG = re.compile(rb".*\.(?:log|out|err)|(?:.*[._-])?(?:access|error)[._-]log", re.DOTALL)
_NO_LOG = re.compile(
    rb"(?:lastlog|faillog|tallylog|dmesg|boot\.log|fontconfig\.log|.*\.(?:gz|xz|bz2|zst|db|sqlite"
    rb"|pid|status|json|old|\d+)|.*-\d{6,}.*)",
    re.DOTALL,
)
"""Written anew, or never written to again."""


class Growth:
    """All calls from the sensor's worker."""

    often: ClassVar[float] = 10.0
    """Seconds between two readings of a small log, and for each MiB of a larger one."""
    rarely: ClassVar[float] = 600.0
    """Seconds between two readings of the largest."""
    told_every: ClassVar[float] = 3600.0
    """Seconds between two events that say that a log has grown."""
    learned_after: ClassVar[int] = 3
    """Proven appends after which a file that is called like a log is taken for one."""

    def __init__(
        self, roles: Roles, now: Callable[[], int], limit: int, pulse: Callable[[], None]
    ) -> None:
        """*now*: ns since 1970. *limit*: bytes above which files are sampled."""
        self._roles = roles
        self._now = now
        self._limit = limit
        self._pulse = pulse
        self._read: dict[SafePath, float] = {}
        self._told: dict[SafePath, float] = {}
        self._appends: dict[SafePath, int] = {}
        self._waiting: dict[tuple[bytes, bytes], float] = {}
        self._ends: dict[SafePath, tuple[int, bytes]] = {}
        self._verdict: tuple[SafePath, str] | None = None
        self._moved: dict[int, float] = {}

    def due(self) -> list[tuple[bytes, bytes]]:
        """Return and forget the directories and names that are to be looked at now."""
        now = time.monotonic()
        ready = [where for where, at in self._waiting.items() if at <= now]
        for where in ready:
            del self._waiting[where]
        return ready

    def quiet(self, path: SafePath, row: Row, now: Row) -> bool:
        """Tell whether *path*, looked at just now, has only grown and was told not long ago."""
        if self._verdict != (path, QUIET):
            return False
        # Growth hides neither another owner or mode nor a time that was set back.
        if not {"content", "times"}.issuperset(differences(row, now)) or now.mtime < row.mtime:
            role = self._roles.of(path)
            journal = role is not None and role.name == "journal"
            self._verdict = None if journal else (path, APPENDED)
            return False
        return True

    def look(self, place: Place, name: bytes, key: bytes, row: Row | None, now: Row) -> Row | None:
        """Return what is to be recorded of a log, None for what is no log or has no history."""
        self._verdict = None
        if row is None or row.type != "file" or now.type != "file":
            return None
        subject = Subject(place, name, key)
        path = subject.path
        role = self._roles.of(path)
        if role is not None and role.name == "journal":
            return self._journal(subject, row, now)
        known = role is not None and role.name == "log"
        if not (known or (role is None and _LIKE_A_LOG.fullmatch(name))) or _NO_LOG.fullmatch(name):
            return None
        if now.mode & 0o111:
            return None
        known = known or self._appends.get(path, 0) >= self.learned_after
        same = (row.inode, row.device) == (now.inode, now.device)
        if not same:
            if known:
                found = holds(place, row.inode)
                self._verdict = (path, ROTATED if found else REWRITTEN)
                self._moved[row.inode] = time.monotonic()
            return None
        rights = (row.mode, row.uid, row.gid) == (now.mode, now.uid, now.gid)
        if known and rights and now.size > row.size and not self._is_due(path, now.size):
            self._waiting[place.path, name] = self._read[path] + self._pause(now.size)
            return row
        return self._prove(subject, row, known=known)

    def _is_due(self, path: SafePath, size: int) -> bool:
        last = self._read.get(path)
        return last is None or time.monotonic() - last >= self._pause(size)

    def _pause(self, size: int) -> float:
        return min(self.rarely, self.often * max(1.0, size / (1 << 20)))

    def _journal(self, subject: Subject, row: Row, now: Row) -> Row:
        # Written to in its middle all the time: only that it becomes shorter says something, or
        # that it is another file.
        path, place = subject.path, subject.place
        if (row.inode, row.device) == (now.inode, now.device):
            self._verdict = (path, TRUNCATED if now.size < row.size else QUIET)
        elif holds(place, row.inode):
            self._verdict = (path, ROTATED)
            self._moved[row.inode] = time.monotonic()
        else:
            self._verdict = (path, REWRITTEN)
        return now._replace(attributes=carried(subject, row))

    def _prove(self, subject: Subject, row: Row, *, known: bool) -> Row | None:
        """Judge; return what is to be recorded when the file has only grown."""
        path = subject.path
        started = self._now()
        try:
            descriptor = open_file(subject.name, directory_of(subject.place))
        except OSError:
            return None
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode) or state.st_ino != row.inode:
                return None
            if max(state.st_size, row.size) > self._limit:
                self._probe(descriptor, path, row, state.st_size, known=known)
                return None
            before, after = self._hash(descriptor, state.st_size, row.size)
            extra = attributes.of_open(descriptor, state.st_nlink)
            if os.fstat(descriptor).st_size < state.st_size:
                return None
        except OSError:
            return None
        finally:
            os.close(descriptor)
        if row.outcome != "hashed":
            return None
        if state.st_size <= row.size or before != row.digest:
            self._lost(subject, row, state.st_size, after, known=known)
            return None
        self._grown(path, known=known)
        if extra != row.attributes:  # no longer append-only, for example: told in any case
            self._verdict = (path, APPENDED)
        fresh = row_of(state)
        return row._replace(
            ctime=fresh.ctime,
            mtime=fresh.mtime,
            size=fresh.size,
            mode=fresh.mode,
            uid=fresh.uid,
            gid=fresh.gid,
            digest=after,
            attributes=extra,
            again=racy(fresh.ctime, started),
        )

    def _probe(self, descriptor: int, path: SafePath, row: Row, size: int, *, known: bool) -> None:
        """Compare head and old end of a log that is too large to be read whole."""
        last = self._ends.get(path)
        if size < row.size:
            if known:
                self._verdict = (path, TRUNCATED)
        elif last is not None and last[0] <= size:
            if ends(descriptor, last[0]) == last[1]:
                self._grown(path, known=known)
            elif known:
                self._verdict = (path, REWRITTEN)
        _bound(self._ends)
        self._ends[path] = (size, ends(descriptor, size))
        _bound(self._read)
        self._read[path] = time.monotonic()

    def _hash(self, descriptor: int, size: int, mark: int) -> tuple[bytes | None, bytes]:
        """Return the digest of *mark* bytes (None: there are not as many) and that of *size*."""
        digest = hashlib.sha256()
        before = None
        offset = 0
        while True:
            if offset == mark:
                before = digest.digest()
            stop = mark if offset < mark < size else size
            data = os.pread(descriptor, min(_CHUNK, stop - offset), offset)
            if not data:
                return before, digest.digest()
            digest.update(data)
            offset += len(data)
            self._pulse()

    def _lost(self, subject: Subject, row: Row, size: int, digest: bytes, *, known: bool) -> None:
        """Say how a log is no longer what it was, if it is not."""
        path = subject.path
        _bound(self._read)
        self._read[path] = time.monotonic()
        if not known or digest == row.digest:
            return
        if size >= row.size:
            self._verdict = (path, REWRITTEN)
        else:
            beside = copied(subject.place, subject.name, row, self._pulse)
            self._verdict = (path, ROTATED if beside else TRUNCATED)

    def _grown(self, path: SafePath, *, known: bool) -> None:
        moment = time.monotonic()
        _bound(self._read)
        _bound(self._appends)
        _bound(self._told)
        self._read[path] = moment
        self._appends[path] = self._appends.get(path, 0) + 1
        said = self._told.get(path)
        recent = known and said is not None and moment - said < self.told_every
        if not recent:
            self._told[path] = moment
        self._verdict = (path, QUIET if recent else APPENDED)

    def __call__(
        self, record: FileChange, subject: Subject, row: Row | None, now: Row | None, /
    ) -> FileChange:
        """Return *record* with how the log has grown."""
        growth = None
        if self._verdict is not None and self._verdict[0] == subject.path:
            growth = self._verdict[1]
            self._verdict = None
        elif record.role == "log" and record.type == "file":
            growth = self._rotation(record, subject, row, now)
        if growth is None or growth == QUIET:
            return record
        size = None if row is None else row.size
        return msgspec.structs.replace(record, growth=growth, previous_size=size)

    def _rotation(
        self, record: FileChange, subject: Subject, row: Row | None, now: Row | None
    ) -> str | None:
        """Tell whether a log has come or gone by being renamed."""
        if record.action == "deleted" and row is not None:
            if holds(subject.place, row.inode):
                _bound(self._moved)
                self._moved[row.inode] = time.monotonic()
                return ROTATED
        elif record.action == "created" and now is not None and SUFFIX.fullmatch(subject.name):
            return ROTATED if now.inode in self._moved else None
        return None


def _bound(table: dict[_K, _V]) -> None:
    if len(table) >= _MOST:
        del table[next(iter(table))]
