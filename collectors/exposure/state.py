"""What the exposure sensor remembers: files that wait, files that were looked into, findings.

Holds guarded paths only. `Queue` may be used from any thread; the rest belongs to the sensor's.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from collectors.exposure.examine import Signature
from collectors.paths import SafePath

FILE = "exposure.db"
_UNSIGNED = 1 << 64
"""Inode and device numbers are unsigned 64 bit, SQLite's integers are signed."""

_log = logging.getLogger(__name__)

# SQLite does not wait when two connections turn a new file to WAL at once: it fails.
_connecting = threading.Lock()

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pending (
    path BLOB PRIMARY KEY, queued INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pending_queued ON pending (queued);
CREATE INDEX IF NOT EXISTS pending_order ON pending (tries, queued DESC);
CREATE TABLE IF NOT EXISTS known (
    path BLOB PRIMARY KEY, device INTEGER, inode INTEGER, size INTEGER, mtime INTEGER,
    ctime INTEGER, digest TEXT NOT NULL, rules TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Pending(NamedTuple):
    """A file that waits to be looked into."""

    path: SafePath
    queued: int
    tries: int


class Known(NamedTuple):
    """The last look at a file."""

    signature: Signature
    digest: str
    """Empty for a clean file."""
    rules: str
    """The rules of that look, see `collectors.exposure.fingerprint`."""


def connect(directory: Path) -> sqlite3.Connection:
    """Open, or make, the database. A damaged one is moved aside: the sweep finds things anew.

    Raises:
        sqlite3.Error: the disk is full, or the file cannot be written.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _connecting:
        try:
            return _open(directory / FILE)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            _set_aside(directory / FILE, error)
            return _open(directory / FILE)


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Tell whether *error* says that the database is damaged."""
    return "malformed" in str(error) or "not a database" in str(error)


def set_aside(directory: Path, error: sqlite3.DatabaseError) -> None:
    """Move a database aside whose damage showed after it was opened; the next `connect` makes
    another. `Queue` finds it by itself.

    Raises:
        OSError: it cannot be renamed.
    """
    with _connecting:
        _set_aside(directory / FILE, error)


def _set_aside(path: Path, error: sqlite3.DatabaseError) -> None:
    kept = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    path.rename(kept)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    _log.error("exposure: the state is damaged (%s); kept as %s, begun anew", error, kept)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10.0, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 4194304")
        connection.executescript(_SCHEMA)
        columns = [row[1] for row in connection.execute("PRAGMA table_info (known)")]
        if "rules" not in columns:  # of version 0.1.0
            connection.execute("ALTER TABLE known ADD COLUMN rules TEXT NOT NULL DEFAULT ''")
    except BaseException:
        connection.close()
        raise
    return connection


class Queue:
    """Puts files in line, durably."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def put(self, paths: Sequence[SafePath]) -> None:
        """Add *paths*; those in line already move to the front. On disk on return."""
        with self._lock:
            if self._connection is not None and self._inode != _inode(self._directory):
                # Set aside as damaged: what is put there is lost.
                self._connection.close()
                self._connection = None
            if self._connection is None:
                self._connection = connect(self._directory)
                self._inode = _inode(self._directory)
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(
                    "INSERT INTO pending (path, queued)"
                    " VALUES (?, (SELECT coalesce(max(queued), 0) + 1 FROM pending))"
                    " ON CONFLICT (path) DO UPDATE SET queued = excluded.queued, tries = 0",
                    ((path,) for path in paths),
                )

    def close(self) -> None:
        """Let go of the database; a later `put` opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


class State:
    """The sensor's own side. The caller opens transactions with ``with state.connection``."""

    def __init__(self, directory: Path) -> None:
        self.connection = connect(directory)

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def newest(self) -> Pending | None:
        """Return the file that was put in line last; one that changes all the time comes last."""
        row = self.connection.execute(
            "SELECT path, queued, tries FROM pending ORDER BY tries, queued DESC LIMIT 1"
        ).fetchone()
        return Pending(SafePath(bytes(row[0])), row[1], row[2]) if row else None

    def waiting(self) -> int:
        """Return how many files wait."""
        return int(self.connection.execute("SELECT count(*) FROM pending").fetchone()[0])

    def findings(self) -> int:
        """Return how many files hold findings now."""
        query = "SELECT count(*) FROM known WHERE length(digest) >= 64"
        return int(self.connection.execute(query).fetchone()[0])

    def outcomes(self) -> dict[str, int]:
        """Return how many files could not be looked into to the end, by outcome."""
        query = (
            "SELECT substr(digest, 1, instr(digest, '/') - 1), count(*) FROM known"
            " WHERE digest LIKE '%/%' GROUP BY 1"
        )
        return {str(name): int(count) for name, count in self.connection.execute(query)}

    def put_last(self, paths: Sequence[SafePath]) -> None:
        """Add *paths* behind all others; those in line already keep their place."""
        self.connection.executemany(
            "INSERT OR IGNORE INTO pending (path, queued) VALUES (?, 0)",
            ((path,) for path in paths),
        )

    def done(self, pending: Pending) -> None:
        """Take *pending* out of line, unless it was put in again meanwhile."""
        self.connection.execute(
            "DELETE FROM pending WHERE path = ? AND queued = ?", (pending.path, pending.queued)
        )

    def again(self, pending: Pending) -> None:
        """Leave *pending* in line, behind the others."""
        self.connection.execute(
            "UPDATE pending SET tries = tries + 1 WHERE path = ? AND queued = ?",
            (pending.path, pending.queued),
        )

    def known(self, path: SafePath) -> Known | None:
        """Return what the last look at *path* gave."""
        row = self.connection.execute(
            "SELECT device, inode, size, mtime, ctime, digest, rules FROM known WHERE path = ?",
            (path,),
        ).fetchone()
        return (
            Known(Signature(row[0] % _UNSIGNED, row[1] % _UNSIGNED, *row[2:5]), row[5], row[6])
            if row
            else None
        )

    def remember(self, path: SafePath, signature: Signature, digest: str, rules: str) -> None:
        """Note what a look at *path* with *rules* gave."""
        device, inode = _signed(signature.device), _signed(signature.inode)
        self.connection.execute(
            "INSERT OR REPLACE INTO known"
            " (path, device, inode, size, mtime, ctime, digest, rules)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (path, device, inode, *signature[2:], digest, rules),
        )

    def paths(self, after: bytes, limit: int) -> list[tuple[SafePath, int]]:
        """Return up to *limit* files that were looked into, in order, behind *after*; each with
        the device that it was on."""
        query = "SELECT path, device FROM known WHERE path > ? ORDER BY path LIMIT ?"
        rows = self.connection.execute(query, (after, limit))
        return [(SafePath(bytes(path)), device % _UNSIGNED) for path, device in rows]

    def forget(self, path: SafePath) -> None:
        """Note that *path* is gone."""
        self.connection.execute("DELETE FROM known WHERE path = ?", (path,))

    def look_again(self, below: SafePath | None = None) -> None:
        """Put files with findings (*below* a directory) in line, in the open transaction.

        Nothing in them has changed, but perhaps who can reach them.
        """
        where = "length(digest) >= 64"
        bounds: tuple[bytes, ...] = ()
        if below is not None:
            folder = below.rstrip(b"/")
            where += " AND path >= ? AND path < ?"
            bounds = (folder + b"/", folder + b"0")  # what follows a slash
        self.connection.execute(
            "INSERT OR IGNORE INTO pending (path, queued)"  # noqa: S608 - no text of others
            f" SELECT path, 0 FROM known WHERE {where}",
            bounds,
        )
        self.connection.execute(f"UPDATE known SET size = -1 WHERE {where}", bounds)  # noqa: S608

    def flag(self, name: str) -> str | None:
        """Return a remembered value."""
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def set_flag(self, name: str, value: str) -> None:
        """Remember a value, in its own transaction."""
        with self.connection:
            self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def clear_flag(self, name: str) -> None:
        """Forget a remembered value, in the open transaction."""
        self.connection.execute("DELETE FROM meta WHERE name = ?", (name,))


def _inode(directory: Path) -> int:
    try:
        return (directory / FILE).stat().st_ino
    except FileNotFoundError:
        return 0


def _signed(number: int) -> int:
    return number - _UNSIGNED if number >= _UNSIGNED // 2 else number
