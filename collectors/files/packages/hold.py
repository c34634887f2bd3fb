"""Changes that wait for the end of a package transaction, and what became of earlier ones.

In the baseline's database: a change is held in the very transaction that records the new state of
its file, and leaves in the one that puts it into the outbox. Killed at any moment, it is there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from collectors.files.baseline import Baseline
from collectors.files.journal import Journal
from collectors.kinds import FileChange
from collectors.paths import SafePath
from collectors.sighting import Sighting

MAX_HELD = 200_000
"""Changes held at once (about 150 MB on disk); more are told at once."""
KEEP = 500_000
"""Children of past transactions that are kept, the newest transaction whole in any case."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS held (
  id INTEGER PRIMARY KEY, path BLOB NOT NULL, sighting BLOB NOT NULL, before BLOB, owners TEXT,
  observed INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS held_path ON held (path);
CREATE TABLE IF NOT EXISTS package_transaction (
  id INTEGER PRIMARY KEY AUTOINCREMENT, begin INTEGER NOT NULL, end INTEGER NOT NULL,
  total INTEGER NOT NULL, unexplained INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS package_child (
  id INTEGER PRIMARY KEY, number INTEGER NOT NULL, path BLOB NOT NULL, action TEXT NOT NULL,
  why TEXT NOT NULL, sha256 TEXT);
CREATE INDEX IF NOT EXISTS package_child_number ON package_child (number)
"""


class Before(msgspec.Struct, frozen=True, array_like=True):
    """What stood at a path before a change."""

    mode: int
    uid: int
    gid: int
    sha256: str | None


class Held(NamedTuple):
    """One change that waits."""

    sighting: Sighting
    before: Before | None
    owners: frozenset[str]
    """Packages that owned the path when the change was seen."""

    @property
    def record(self) -> FileChange:
        """Return the change."""
        record = self.sighting.record
        if not isinstance(record, FileChange):
            raise TypeError("only changes of files are held")
        return record


class Child(NamedTuple):
    """One change that a package transaction explains."""

    path: SafePath
    action: str
    why: str
    sha256: str | None


class Summary(NamedTuple):
    """What is kept of a transaction beside its children; times in ns since 1970."""

    begin: int
    end: int
    total: int
    unexplained: int
    digest: str


_encoder = msgspec.msgpack.Encoder()
_sightings = msgspec.msgpack.Decoder(Sighting)
_befores = msgspec.msgpack.Decoder(Before)


class Buffer:
    """The tables. All calls inside a transaction of the caller, from its thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def create_tables(self) -> None:
        """Make the tables if they are missing."""
        for statement in _SCHEMA.split(";"):
            self._connection.execute(statement)

    def count(self) -> int:
        """Return how many changes are held."""
        return int(self._connection.execute("SELECT count(*) FROM held").fetchone()[0])

    def oldest(self) -> int | None:
        """Return when the first of them was seen, ns since 1970."""
        row = self._connection.execute("SELECT min(observed) FROM held").fetchone()
        return None if row[0] is None else int(row[0])

    def add(self, path: SafePath, held: Held) -> None:
        """Hold one change."""
        before = None if held.before is None else _encoder.encode(held.before)
        self._connection.execute(
            "INSERT INTO held (path, sighting, before, owners, observed) VALUES (?, ?, ?, ?, ?)",
            (
                path,
                _encoder.encode(held.sighting),
                before,
                " ".join(sorted(held.owners)),
                held.sighting.observed,
            ),
        )

    def groups(self) -> Iterator[tuple[SafePath, list[Held]]]:
        """Yield each path, in order, with its changes as they came."""
        # By hand, path by path: memory holds one path's changes at a time.
        row = self._connection.execute("SELECT min(path) FROM held").fetchone()
        while row[0] is not None:
            path = SafePath(bytes(row[0]))
            yield path, self.changes(path)
            row = self._connection.execute(
                "SELECT min(path) FROM held WHERE path > ?", (path,)
            ).fetchone()

    def changes(self, path: SafePath) -> list[Held]:
        """Return the changes of one path as they came."""
        query = "SELECT sighting, before, owners FROM held WHERE path = ? ORDER BY id"
        return [_held(*each) for each in self._connection.execute(query, (path,))]

    def owners(self, path: SafePath) -> frozenset[str]:
        """Return the packages that owned *path* when its changes were seen."""
        query = "SELECT owners FROM held WHERE path = ?"
        rows = self._connection.execute(query, (path,))
        return frozenset(name for row in rows for name in (row[0] or "").split())

    def clear(self) -> None:
        """Forget all that is held."""
        self._connection.execute("DELETE FROM held")

    def begin_transaction(self) -> int:
        """Return the number of a new transaction."""
        cursor = self._connection.execute(
            "INSERT INTO package_transaction (begin, end, total, unexplained, digest)"
            " VALUES (0, 0, 0, 0, '')"
        )
        return int(cursor.lastrowid or 0)

    def add_child(self, number: int, child: Child) -> None:
        """Keep what transaction *number* explains."""
        self._connection.execute(
            "INSERT INTO package_child (number, path, action, why, sha256) VALUES (?, ?, ?, ?, ?)",
            (number, *child),
        )

    def end_transaction(self, number: int, summary: Summary) -> None:
        """Complete the record of a transaction and forget the oldest ones beyond `KEEP`."""
        self._connection.execute(
            "UPDATE package_transaction SET begin = ?, end = ?, total = ?, unexplained = ?,"
            " digest = ? WHERE id = ?",
            (*summary, number),
        )
        kept = 0
        query = "SELECT id, total FROM package_transaction ORDER BY id DESC"
        for each, size in self._connection.execute(query).fetchall():
            kept += size
            if kept > KEEP and each != number:
                self._connection.execute("DELETE FROM package_child WHERE number = ?", (each,))
                self._connection.execute("DELETE FROM package_transaction WHERE id = ?", (each,))

    def transactions(self) -> Iterator[tuple[int, Summary]]:
        """Yield number and summary of each that is kept and has ended, the newest first."""
        query = (
            "SELECT id, begin, end, total, unexplained, digest FROM package_transaction"
            " WHERE digest <> '' ORDER BY id DESC"
        )
        for number, *summary in self._connection.execute(query):
            yield number, Summary(*summary)

    def children(self, number: int) -> Iterator[Child]:
        """Yield what transaction *number* explains, in the order of the digest."""
        query = "SELECT path, action, why, sha256 FROM package_child WHERE number = ? ORDER BY id"
        for path, action, why, sha256 in self._connection.execute(query, (number,)):
            yield Child(SafePath(bytes(path)), action, why, sha256)


def _held(sighting: bytes, before: bytes | None, owners: str | None) -> Held:
    return Held(
        _sightings.decode(sighting),
        None if before is None else _befores.decode(before),
        frozenset((owners or "").split()),
    )


def tell_held(baseline: Baseline, journal: Journal) -> None:
    """Tell what is held as it is: nobody knows packages any more (the setting was changed)."""
    query = "SELECT 1 FROM sqlite_master WHERE name = 'held'"
    if baseline.connection.execute(query).fetchone() is None:
        return
    buffer = Buffer(baseline.connection)
    if not buffer.count():
        return
    journal.wrote()
    for _, changes in buffer.groups():
        for held in changes:
            journal.pass_on(held.sighting)
    buffer.clear()
    journal.commit()
