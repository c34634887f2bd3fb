"""Drift: what differs from the state that somebody, or something trusted, has accepted.

The first change of a path keeps the row that stood there; a change back to it forgets the path
again. Package manager and git checkouts accept what they explain; everything else waits for
``ronda-agent baseline accept``. Inode and times are no part of the state: a file that was restored
from a copy is as it was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from collectors.files.attributes import Attributes
from collectors.files.compare import Row
from collectors.files.journal import Journal
from collectors.files.scope import Scope, split
from collectors.files.tell import Subject
from collectors.kinds import FileChange
from collectors.paths import SafePath

LIMIT = 100_000
"""Paths that are kept; more are counted."""
OVERFLOW = "drift_overflow"
PACKAGES, GIT = "drift_packages", "drift_git"
"""Keys in the table meta: how many changes were not kept; accepted for a package; by git."""

_SCHEMA = """CREATE TABLE IF NOT EXISTS drift
 (path BLOB PRIMARY KEY, accepted BLOB, since INTEGER NOT NULL, last INTEGER NOT NULL,
 window TEXT) WITHOUT ROWID"""
_NOT_STATE = frozenset(
    {"inode", "device", "ctime", "mtime", "again", "silent", "digest", "outcome"}
)


class Drifted(NamedTuple):
    """A path that differs. Times in ns since 1970."""

    path: SafePath
    accepted: Row | None
    """None: nothing was there."""
    since: int
    last: int
    window: str | None
    """Announced window of the last change."""


def same_state(one: Row | None, other: Row | None) -> bool:
    """Tell whether two rows mean the same for who uses the file. Pure."""
    if one is None or other is None:
        return one is other
    for name, left, right in zip(Row._fields, one, other, strict=True):
        if name in _NOT_STATE or (name == "size" and one.type == "dir"):
            continue
        if name == "attributes" and None in (left, right):
            continue  # recorded by a version that did not look
        if left != right:
            return False
    if one.type == "file":
        if one.outcome != other.outcome or one.digest is None:
            return one.outcome == other.outcome and one.mtime == other.mtime
        return one.digest == other.digest
    return one.type != "symlink" or one.mtime == other.mtime


def pack(row: Row | None) -> bytes | None:
    """Return *row* in a form that a version with other fields can read."""
    return None if row is None else msgspec.msgpack.encode(dict(zip(Row._fields, row, strict=True)))


def unpack(body: bytes | None) -> Row | None:
    """Return what `pack` was given; fields that we do not know are left out."""
    if body is None:
        return None
    found: dict[str, Any] = msgspec.msgpack.decode(body)
    if found.get("attributes") is not None:
        found["attributes"] = Attributes(*found["attributes"])
    return Row(**{name: found[name] for name in Row._fields if name in found})


class Drift:
    """The table, and the `collectors.files.tell.Addition` that keeps it. In the open transaction
    of the change."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        journal: Journal,
        now: Callable[[], int],
        limit: int = LIMIT,
    ) -> None:
        """Make the table; outside a transaction. *now*: ns since 1970."""
        self._connection = connection
        self._journal = journal
        self._now = now
        self._limit = limit
        self.explained: Callable[[], str | None] = lambda: None
        """Says for whose sake the change at hand is accepted: `GIT`, or nothing."""
        connection.execute(_SCHEMA)
        self._count = int(connection.execute("SELECT count(*) FROM drift").fetchone()[0])

    def __len__(self) -> int:
        return self._count

    def __call__(
        self, record: FileChange, subject: Subject, row: Row | None, now: Row | None
    ) -> FileChange:
        """Keep what stood there before, or forget it when it stands there again."""
        path = subject.path
        because = self.explained()
        if because is not None:
            if not same_state(row, now):
                self._journal.wrote()
                count(self._connection, because)
            self.accept_one(path)
            return record
        query = "SELECT accepted FROM drift WHERE path = ?"
        found = self._connection.execute(query, (path,)).fetchone()
        if same_state(unpack(found[0]) if found else row, now):
            if found:
                self.accept_one(path)
            return record
        self._journal.wrote()
        moment = self._now()
        if found:
            self._connection.execute(
                "UPDATE drift SET last = ?, window = ? WHERE path = ?",
                (moment, record.window, path),
            )
        elif self._count >= self._limit:
            count(self._connection, OVERFLOW)
        else:
            self._connection.execute(
                "INSERT INTO drift VALUES (?, ?, ?, ?, ?)",
                (path, pack(row), moment, moment, record.window),
            )
            self._count += 1
        return record

    def accept_one(self, path: SafePath, because: str | None = None) -> None:
        """Make the state of *path* the reference; *because*: `PACKAGES`, `GIT` or nothing."""
        self._journal.wrote()
        gone = self._connection.execute("DELETE FROM drift WHERE path = ?", (path,)).rowcount
        self._count -= gone
        if gone and because is not None:
            count(self._connection, because)

    def accept_package(self, number: int) -> None:
        """Accept what package transaction *number* explains, in its own transaction.

        Only paths of which every change is folded: the buffer still holds all of them.
        """
        done = self._connection.execute(
            "DELETE FROM drift WHERE path IN (SELECT c.path FROM package_child AS c"
            " WHERE c.number = ? GROUP BY c.path HAVING count(*) ="
            " (SELECT count(*) FROM held AS h WHERE h.path = c.path))",
            (number,),
        ).rowcount
        self._count -= done
        count(self._connection, PACKAGES, done)

    def drifted(self, path: SafePath) -> bool:
        """Tell whether *path* differs from its accepted state."""
        query = "SELECT 1 FROM drift WHERE path = ?"
        return self._connection.execute(query, (path,)).fetchone() is not None

    def accept(self, paths: Sequence[bytes], upto: int) -> tuple[int, list[SafePath]]:
        """Accept what lies in *paths* (none: everything) and did not change after *upto*, ns.

        Return how many, and up to 10 of them. In the caller's transaction.
        """
        accepted, sample = 0, []
        for top in paths or [b""]:
            where, values = within(top)
            query = f"SELECT path FROM drift WHERE {where} AND last <= ? ORDER BY path LIMIT 10"  # noqa: S608
            sample += [
                SafePath(bytes(row[0])) for row in self._connection.execute(query, (*values, upto))
            ]
            query = f"DELETE FROM drift WHERE {where} AND last <= ?"  # noqa: S608
            accepted += self._connection.execute(query, (*values, upto)).rowcount
        self._count -= accepted
        if not paths:
            self._connection.execute("DELETE FROM meta WHERE key = ?", (OVERFLOW,))
        return accepted, sample[:10]

    def keep_within(self, scope: Scope) -> None:
        """Forget paths that are watched no longer; in a transaction of the caller."""
        outside = []
        for (path,) in self._connection.execute("SELECT path FROM drift"):
            if not _watched(scope, bytes(path)):
                outside.append((path,))
        self._connection.executemany("DELETE FROM drift WHERE path = ?", outside)
        self._count -= len(outside)


def _watched(scope: Scope, path: bytes) -> bool:
    root = scope.root_of(path)
    if root is None:
        return False
    while path != root:
        directory, name = split(path)
        if scope.excluded(directory, name):
            return False
        path = directory
    return True


def within(top: bytes, column: str = "path") -> tuple[str, tuple[bytes, ...]]:
    """Return the SQL condition for *top* and all below it (nothing: all). Pure."""
    if top in (b"", b"/"):
        return "1", ()
    # "0" is the byte after "/".
    return f"({column} = ? OR ({column} > ? AND {column} < ?))", (top, top + b"/", top + b"0")


def count(connection: sqlite3.Connection, key: str, number: int = 1) -> None:
    """Add to a number in the table meta."""
    # Not ON CONFLICT: the table is WITHOUT ROWID in every version, the upsert needs SQLite 3.24.
    connection.execute("INSERT OR IGNORE INTO meta VALUES (?, 0)", (key,))
    connection.execute("UPDATE meta SET value = value + ? WHERE key = ?", (number, key))


def read_drift(connection: sqlite3.Connection, top: bytes = b"") -> Iterator[Drifted]:
    """Yield what differs at *top* and below, in the order of the paths."""
    query = "SELECT 1 FROM sqlite_master WHERE name = 'drift'"
    if connection.execute(query).fetchone() is None:
        return
    where, values = within(top)
    columns = "path, accepted, since, last, window"
    for path, accepted, *rest in connection.execute(
        f"SELECT {columns} FROM drift WHERE {where} ORDER BY path",  # noqa: S608 - constants
        values,
    ):
        yield Drifted(SafePath(bytes(path)), unpack(accepted), *rest)
