"""The versions that diffs are made against: hashes and masked lines, in the baseline's database.

They change in the transaction of the row that they belong to, so that after a crash both are of
the same time.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from collectors.files.meaning.unified import Line
from collectors.paths import SafePath

MOST_FILES = 5_000
MOST_BYTES = 32 << 20
_LARGEST = 512 << 10
_decoder = msgspec.msgpack.Decoder(list[tuple[bytes, str]])


class Snapshot(NamedTuple):
    """A version of a file."""

    digest: bytes
    """SHA-256 of the content."""
    lines: list[Line]


class Snapshots:
    """The table. All calls from the thread of the connection, inside an open transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Make the table; the caller has a transaction open."""
        self._connection = connection
        connection.execute(
            "CREATE TABLE IF NOT EXISTS snapshot (path BLOB PRIMARY KEY, digest BLOB NOT NULL,"
            " body BLOB NOT NULL) WITHOUT ROWID"
        )
        query = "SELECT count(*), coalesce(sum(length(body)), 0) FROM snapshot"
        self.files, self.bytes = map(int, connection.execute(query).fetchone())

    @property
    def full(self) -> bool:
        """Whether no more files are kept."""
        return self.files >= MOST_FILES or self.bytes >= MOST_BYTES

    def digest(self, path: SafePath) -> bytes | None:
        """Return the digest of the version that is kept."""
        query = "SELECT digest FROM snapshot WHERE path = ?"
        row = self._connection.execute(query, (path,)).fetchone()
        return None if row is None else bytes(row[0])

    def get(self, path: SafePath) -> Snapshot | None:
        """Return the version that is kept."""
        query = "SELECT digest, body FROM snapshot WHERE path = ?"
        row = self._connection.execute(query, (path,)).fetchone()
        if row is None:
            return None
        return Snapshot(bytes(row[0]), _decoder.decode(zlib.decompress(row[1])))

    def put(self, path: SafePath, digest: bytes, lines: Sequence[Line]) -> bool:
        """Keep a version instead of the one before; return False when there is no room."""
        self.drop(path)
        body = zlib.compress(msgspec.msgpack.encode(list(lines)), 6)
        if self.full or len(body) > _LARGEST:
            return False
        self._connection.execute("INSERT INTO snapshot VALUES (?, ?, ?)", (path, digest, body))
        self.files += 1
        self.bytes += len(body)
        return True

    def drop(self, path: SafePath) -> None:
        """Keep nothing of *path*."""
        query = "SELECT length(body) FROM snapshot WHERE path = ?"
        row = self._connection.execute(query, (path,)).fetchone()
        if row is not None:
            self._connection.execute("DELETE FROM snapshot WHERE path = ?", (path,))
            self.files -= 1
            self.bytes -= int(row[0])
