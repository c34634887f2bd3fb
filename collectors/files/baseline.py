"""The baseline: what the watched tree looked like when we last looked, and what is still untold.

One SQLite file, directory by directory: a directory's rows lie together, so comparing reads one
range for each. Names and paths are `SafePath` bytes. State and outbox change in one transaction.

Durability: WAL with synchronous=NORMAL. A killed process loses no commit. A power loss may take
the last seconds back, to an earlier consistent state; the comparison at the next start then finds
these changes again, so that nothing is lost but an event may be told a second time.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from collectors.files.compare import OUTCOMES, Row
from collectors.files.scope import split
from collectors.paths import SafePath

FILE = "baseline.db"
DAMAGED = FILE + ".damaged-"
_VERSION = 1
_STATE = struct.Struct("<QQqqqIII")
_AGAIN, _SILENT = 1, 2

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS root (path BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gap (
  id INTEGER PRIMARY KEY, cause TEXT NOT NULL, begin INTEGER NOT NULL, end INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS directory (
  id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, device INTEGER NOT NULL,
  inode INTEGER NOT NULL, mount INTEGER NOT NULL, complete INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS file (
  directory INTEGER NOT NULL, name BLOB NOT NULL, state BLOB NOT NULL, outcome INTEGER NOT NULL,
  digest BLOB, flags INTEGER NOT NULL, PRIMARY KEY (directory, name)) WITHOUT ROWID
"""


class Directory(NamedTuple):
    """A directory in the baseline."""

    id: int
    device: int
    inode: int
    mount: bool
    """It was the top of a mounted file system."""
    complete: bool
    """All its names were recorded."""


class Stored(NamedTuple):
    """A row as it is stored."""

    state: bytes
    outcome: int
    digest: bytes | None
    flags: int

    def row(self) -> Row:
        """Return the row."""
        inode, device, ctime, mtime, size, mode, uid, gid = _STATE.unpack(self.state)
        return Row(
            inode,
            device,
            ctime,
            mtime,
            size,
            mode,
            uid,
            gid,
            outcome=OUTCOMES[self.outcome],
            digest=self.digest,
            again=bool(self.flags & _AGAIN),
            silent=bool(self.flags & _SILENT),
        )

    def unchanged(self, state: os.stat_result) -> bool:
        """Tell whether nothing is to be done about a file that has this *state* now."""
        return not self.flags & _AGAIN and self.state == _STATE.pack(
            state.st_ino,
            state.st_dev,
            state.st_ctime_ns,
            state.st_mtime_ns,
            state.st_size,
            state.st_mode,
            state.st_uid,
            state.st_gid,
        )


class Gap(NamedTuple):
    """A time without sight that no comparison has repaired yet; ns since 1970."""

    cause: str
    begin: int
    end: int


class Baseline:
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
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.execute("PRAGMA cache_size = -4096")
        self.connection.execute("PRAGMA journal_size_limit = 16777216")
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise sqlite3.DatabaseError(
                f"{self.path} has version {version}, this agent knows {_VERSION}: update the agent"
            )
        self.begin()
        for statement in _SCHEMA.split(";"):
            self.connection.execute(statement)
        self.connection.execute(f"PRAGMA user_version = {_VERSION}")
        self.commit()

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
            self.connection.execute("COMMIT")

    def rollback(self) -> None:
        """Take the open transaction back, if any."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def get(self, key: str) -> int | None:
        """Return a number kept by `put`."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else int(row[0])

    def put(self, key: str, value: int) -> None:
        """Keep a number."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def complete_roots(self) -> set[bytes]:
        """Return the roots whose first baseline was finished (safe paths)."""
        return {bytes(row[0]) for row in self.connection.execute("SELECT path FROM root")}

    def set_complete_roots(self, roots: Iterable[SafePath]) -> None:
        """Replace what `complete_roots` returns; the last step of a first baseline."""
        self.connection.execute("DELETE FROM root")
        self.connection.executemany("INSERT INTO root VALUES (?)", ((root,) for root in roots))

    def add_gap(self, gap: Gap) -> None:
        """Keep a time without sight until a comparison repairs it."""
        self.connection.execute("INSERT INTO gap (cause, begin, end) VALUES (?, ?, ?)", gap)

    def last_gap(self) -> int:
        """Return the number of the newest gap, 0 when there is none."""
        return int(self.connection.execute("SELECT coalesce(max(id), 0) FROM gap").fetchone()[0])

    def take_gaps(self, upto: int) -> list[Gap]:
        """Remove and return the gaps up to number *upto* (not by time: clocks are set back)."""
        # Not RETURNING: SQLite 3.34 (RHEL 9) does not know it.
        query = "SELECT cause, begin, end FROM gap WHERE id <= ? ORDER BY id"
        gaps = [Gap(*row) for row in self.connection.execute(query, (upto,))]
        self.connection.execute("DELETE FROM gap WHERE id <= ?", (upto,))
        return gaps

    def directory(self, path: SafePath) -> Directory | None:
        """Return what is known of the directory *path*."""
        query = "SELECT id, device, inode, mount, complete FROM directory WHERE path = ?"
        row = self.connection.execute(query, (path,)).fetchone()
        if row is None:
            return None
        return Directory(row[0], row[1], row[2], bool(row[3]), bool(row[4]))

    def add_directory(self, path: SafePath, state: os.stat_result | None) -> Directory:
        """Begin the record of a directory; *state* is None for the directory of the roots."""
        device, inode = (state.st_dev, state.st_ino) if state else (0, 0)
        self.connection.execute(
            "INSERT INTO directory (path, device, inode, mount) VALUES (?, ?, ?, 0)",
            (path, _signed(device), _signed(inode)),
        )
        number = int(self.connection.execute("SELECT last_insert_rowid()").fetchone()[0])
        return Directory(number, _signed(device), _signed(inode), mount=False, complete=False)

    def finish_directory(self, entry: Directory) -> None:
        """Record *entry* as it is given."""
        self.connection.execute(
            "UPDATE directory SET device = ?, inode = ?, mount = ?, complete = ? WHERE id = ?",
            (entry.device, entry.inode, int(entry.mount), int(entry.complete), entry.id),
        )

    def restart_directory(self, entry: Directory, state: os.stat_result) -> None:
        """Let the record of *entry* be the one of another directory, with no names yet."""
        self.connection.execute(
            "UPDATE directory SET device = ?, inode = ?, complete = 0 WHERE id = ?",
            (_signed(state.st_dev), _signed(state.st_ino), entry.id),
        )

    def remove_directory(self, number: int) -> None:
        """Forget a directory and its rows."""
        self.connection.execute("DELETE FROM file WHERE directory = ?", (number,))
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
        query = "SELECT name, state, outcome, digest, flags FROM file WHERE directory = ?"
        cursor = self.connection.execute(query, (directory,))
        return {name: Stored(*rest) for name, *rest in cursor}

    def row(self, directory: int, name: bytes) -> Row | None:
        """Return one name of a directory."""
        query = "SELECT state, outcome, digest, flags FROM file WHERE directory = ? AND name = ?"
        found = self.connection.execute(query, (directory, name)).fetchone()
        return None if found is None else Stored(*found).row()

    def put_row(self, directory: int, name: bytes, row: Row) -> None:
        """Insert or replace one name; *name* has passed the path guard."""
        state = _STATE.pack(row.inode, row.device, *row[2:8])
        flags = _AGAIN * row.again | _SILENT * row.silent
        self.connection.execute(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)",
            (directory, name, state, OUTCOMES.index(row.outcome), row.digest, flags),
        )

    def remove_row(self, directory: int, name: bytes) -> None:
        """Forget one name."""
        self.connection.execute(
            "DELETE FROM file WHERE directory = ? AND name = ?", (directory, name)
        )

    def count(self) -> int:
        """Return the number of names; reads the whole index (10 ms for 150,000)."""
        return int(self.connection.execute("SELECT count(*) FROM file").fetchone()[0])

    def orphans(self, roots: frozenset[bytes]) -> list[SafePath]:
        """Return directories that their parent does not name (a kill fell between the two).

        *roots* are the safe paths of the roots, whose parent is on another level.
        """
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


def finished(entry: Directory, state: os.stat_result | None, *, mount: bool) -> Directory:
    """Return *entry* as it is when all names of the directory with this *state* are recorded."""
    device, inode = (state.st_dev, state.st_ino) if state else (0, 0)
    return Directory(entry.id, _signed(device), _signed(inode), mount, complete=True)


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
