"""The baseline: what the watched tree looked like when we last looked, and what is still untold.

One SQLite file, directory by directory: a directory's rows lie together, so comparing reads one
range for each. Names and paths are `SafePath` bytes. State and outbox change in one transaction.

Durability: WAL with synchronous=FULL: what was told is in the database when the spool gets it. A
power loss that took told rows back would look like a doctored baseline to the collector. Only
signs of life are written without waiting for the disk.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from collectors.files import schema
from collectors.files.commitment import Commitment, stored
from collectors.files.compare import Row
from collectors.files.notes import Notes
from collectors.files.rows import Stored, store
from collectors.files.scope import split
from collectors.paths import SafePath

FILE = "baseline.db"
DAMAGED = FILE + ".damaged-"
_BUFFER = 2000
"""Rows that wait for one statement."""


class Directory(NamedTuple):
    """A directory in the baseline."""

    id: int
    device: int
    inode: int
    mount: bool
    """It was the top of a mounted file system."""
    complete: bool
    """All its names were recorded."""
    seen: bytes | None = None
    """Digest of the listing that its rows describe (see `listing`); None: compare name by name."""


class Baseline(Notes):
    """The database. All calls from the thread that opened it."""

    def __init__(self, directory: Path) -> None:
        """Open or make the database in *directory*.

        Raises:
            sqlite3.DatabaseError: the file is damaged, or made by a newer version.
        """
        self.path = directory / FILE
        # The umask of the process does not decide who may read this.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self.connection = sqlite3.connect(self.path, isolation_level=None, timeout=10.0)
        try:
            self._prepare()
        except BaseException:
            self.connection.close()
            raise

    def _prepare(self) -> None:
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute("PRAGMA cache_size = -4096")
        self.connection.execute("PRAGMA journal_size_limit = 16777216")
        schema.prepare(self.connection, self.path)
        self._buffer: list[tuple[object, ...]] = []
        self._buffered: set[int] = set()
        self._unseen: set[int] = set()
        self._kept = self.kept()
        self.commitment = self._kept or Commitment()
        """Stands for all rows, those of the open transaction included."""
        self.whole = False
        """The first baseline of all roots is made; told with the commitment."""

    def close(self) -> None:
        """Take back what is not committed and close."""
        self.rollback()
        self.connection.close()

    def begin(self) -> None:
        """Open a transaction unless one is open."""
        if not self.connection.in_transaction:
            self.connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """End the open transaction, if any."""
        if self.connection.in_transaction:
            self._flush()
            self.connection.execute("COMMIT")

    def rollback(self) -> None:
        """Take the open transaction back, if any."""
        self._buffer.clear()
        self._buffered.clear()
        self._unseen.clear()
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
            self._kept = self.kept()
        self.commitment = self._kept or Commitment()

    def kept(self) -> Commitment | None:
        """Return the commitment as it is stored; None in a new or upgraded database."""
        row = self.connection.execute("SELECT total, entries FROM commitment").fetchone()
        return None if row is None else stored(*row)

    def seal(self) -> Commitment | None:
        """Store the commitment if it has moved, in the open transaction; return it if so."""
        if self.commitment == (self._kept or Commitment()):
            return None
        self.connection.execute(
            "INSERT OR REPLACE INTO commitment VALUES (1, ?, ?)",
            (self.commitment.total_bytes(), self.commitment.entries),
        )
        self._kept = self.commitment
        return self.commitment

    def directory(self, path: SafePath) -> Directory | None:
        """Return what is known of the directory *path*."""
        query = "SELECT id, device, inode, mount, complete, seen FROM directory WHERE path = ?"
        row = self.connection.execute(query, (path,)).fetchone()
        if row is None:
            return None
        number, device, inode, mount, complete, seen = row
        seen = None if number in self._unseen else seen
        return Directory(number, device, inode, bool(mount), bool(complete), seen)

    def add_directory(self, path: SafePath, state: os.stat_result | None) -> Directory:
        """Begin the record of a directory; *state* is None for the directory of the roots."""
        device, inode = (state.st_dev, state.st_ino) if state else (0, 0)
        number = self.connection.execute(
            "INSERT INTO directory (path, device, inode, mount) VALUES (?, ?, ?, 0)",
            (path, _signed(device), _signed(inode)),
        ).lastrowid
        if number is None:
            raise sqlite3.DatabaseError("a directory was not inserted")
        return Directory(number, _signed(device), _signed(inode), mount=False, complete=False)

    def finish_directory(self, entry: Directory) -> None:
        """Record *entry* as it is given."""
        self.connection.execute(
            "UPDATE directory SET device = ?, inode = ?, mount = ?, complete = ?, seen = ?"
            " WHERE id = ?",
            (entry.device, entry.inode, entry.mount, entry.complete, entry.seen, entry.id),
        )
        self._unseen.discard(entry.id)

    def unseen(self, number: int) -> bool:
        """Tell whether rows of a directory have changed since the digest of its listing."""
        return number in self._unseen

    def restart_directory(self, entry: Directory, state: os.stat_result) -> None:
        """Let the record of *entry* be the one of another directory, with no names yet."""
        self.connection.execute(
            "UPDATE directory SET device = ?, inode = ?, complete = 0, seen = NULL WHERE id = ?",
            (_signed(state.st_dev), _signed(state.st_ino), entry.id),
        )

    def remove_directory(self, number: int) -> None:
        """Forget a directory whose rows have been removed."""
        self._flush()
        self.connection.execute("DELETE FROM directory WHERE id = ?", (number,))

    def subtree(self, path: SafePath) -> list[tuple[int, SafePath]]:
        """Return id and path of the directory *path* and all below it, deepest first."""
        # "0" is the byte after "/": the range holds exactly what starts with path + "/".
        query = "SELECT id, path FROM directory WHERE path = ? OR (path > ? AND path < ?)"
        stem = path.rstrip(b"/")
        rows = self.connection.execute(query, (path, stem + b"/", stem + b"0")).fetchall()
        found = [(int(number), SafePath(bytes(where))) for number, where in rows]
        return sorted(found, key=lambda item: item[1].count(b"/"), reverse=True)

    def rows(self, directory: int) -> dict[bytes, Row]:
        """Return all names of a directory."""
        return {name: stored.row() for name, stored in self.stored(directory).items()}

    def stored(self, directory: int) -> dict[bytes, Stored]:
        """Return all names of a directory in the form that is quick to compare."""
        if directory in self._buffered:
            self._flush()
        query = (
            "SELECT name, state, outcome, digest, flags, attributes FROM file WHERE directory = ?"
        )
        cursor = self.connection.execute(query, (directory,))
        return {name: Stored(*rest) for name, *rest in cursor}

    def row(self, directory: int, name: bytes) -> Row | None:
        """Return one name of a directory."""
        if directory in self._buffered:
            self._flush()
        query = (
            "SELECT state, outcome, digest, flags, attributes FROM file"
            " WHERE directory = ? AND name = ?"
        )
        found = self.connection.execute(query, (directory, name)).fetchone()
        return None if found is None else Stored(*found).row()

    def replace(
        self, directory: int, path: SafePath, name: bytes, old: Row | None, new: Row | None
    ) -> None:
        """Let *new* stand where *old* stood, None for nothing; the commitment moves with it.

        *path* is the directory's, and *name* has passed the path guard.
        """
        if new is not None:
            self.add(directory, path, name, store(new))
        elif old is not None:
            if directory in self._buffered:
                self._flush()
            self._unseen.add(directory)
            self.connection.execute(
                "DELETE FROM file WHERE directory = ? AND name = ?", (directory, name)
            )
        if old is not None:
            self.commitment = self.commitment.moved(-store(old).term(path, name), -1)

    def add(self, directory: int, path: SafePath, name: bytes, row: Stored) -> None:
        """Record a name that is not there yet, or whose old row `replace` takes out."""
        self.commitment = self.commitment.moved(row.term(path, name), 1)
        self._put(directory, [(directory, name, *row)])

    def add_all(self, directory: int, path: SafePath, rows: list[tuple[bytes, Stored]]) -> None:
        """Record names of one directory, none of which is there yet."""
        difference = sum([row.term(path, name) for name, row in rows])
        self.commitment = self.commitment.moved(difference, len(rows))
        self._put(directory, [(directory, name, *row) for name, row in rows])

    def _put(self, directory: int, rows: list[tuple[object, ...]]) -> None:
        self._buffer += rows
        self._buffered.add(directory)
        self._unseen.add(directory)
        if len(self._buffer) >= _BUFFER:
            self._flush()

    def _flush(self) -> None:
        """Write what is buffered: many rows of one statement, in the order of the table."""
        if self._buffer:
            self._buffer.sort()
            self.connection.executemany(
                "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?)", self._buffer
            )
            self._buffer.clear()
            self._buffered.clear()
        if self._unseen:
            self.connection.executemany(
                "UPDATE directory SET seen = NULL WHERE id = ? AND seen IS NOT NULL",
                [(number,) for number in self._unseen],
            )
            self._unseen.clear()

    def all_rows(self, after: int = 0) -> Iterator[tuple[int, SafePath, bytes, Stored]]:
        """Yield every row of the directories with a number above *after*, in the order stored."""
        self._flush()
        query = (
            "SELECT directory, path, name, state, outcome, digest, flags, attributes FROM file"
            " JOIN directory ON directory.id = file.directory"
            " WHERE file.directory > ? ORDER BY file.directory, name"
        )
        for number, path, name, *rest in self.connection.execute(query, (after,)):
            yield number, path, name, Stored(*rest)

    def count(self) -> int:
        """Return the number of names; reads the whole index (10 ms for 150,000)."""
        self._flush()
        return int(self.connection.execute("SELECT count(*) FROM file").fetchone()[0])

    def orphans(self, roots: frozenset[bytes]) -> list[SafePath]:
        """Return directories that their parent does not name (a kill fell between the two).

        *roots* are the safe paths of the roots, whose parent is on another level.
        """
        self._flush()
        known = {bytes(path): number for number, path in self._all_directories()}
        found = []
        for path in known:
            if not path or path in roots:
                continue
            parent, name = split(path)
            number = known.get(parent)
            row = None if number is None else self.row(number, name)
            if row is None or row.type != "dir":
                found.append(SafePath(path))
        return found

    def _all_directories(self) -> list[tuple[int, bytes]]:
        return self.connection.execute("SELECT id, path FROM directory").fetchall()


def finished(
    entry: Directory, state: os.stat_result | None, *, mount: bool, seen: bytes | None = None
) -> Directory:
    """Return *entry* as it is when all names of the directory with this *state* are recorded."""
    device, inode = (state.st_dev, state.st_ino) if state else (0, 0)
    return Directory(entry.id, _signed(device), _signed(inode), mount, complete=True, seen=seen)


def same_directory(entry: Directory, state: os.stat_result) -> bool:
    """Tell whether the open directory is the one recorded (a device number may be renumbered)."""
    return entry.device != _signed(state.st_dev) or entry.inode == _signed(state.st_ino)


def _signed(number: int) -> int:
    """Fit an unsigned 64-bit number into SQLite's signed one."""
    return number - (1 << 64) if number >= 1 << 63 else number


def set_aside(directory: Path, now: int) -> Path:
    """Move a damaged database out of the way and return where it is kept: the newest only."""
    for older in directory.glob(DAMAGED + "*"):
        older.unlink(missing_ok=True)
    kept = directory / f"{DAMAGED}{now}"
    for suffix in ("-wal", "-shm"):
        (directory / (FILE + suffix)).unlink(missing_ok=True)
    os.replace(directory / FILE, kept)
    return kept
