"""The tables of the baseline, and how a database of an older version becomes one of this.

One function for each version: it takes a database of the version before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

VERSION = 2


_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE root (path BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE gap (
  id INTEGER PRIMARY KEY, cause TEXT NOT NULL, begin INTEGER NOT NULL, end INTEGER NOT NULL);
CREATE TABLE directory (
  id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, device INTEGER NOT NULL,
  inode INTEGER NOT NULL, mount INTEGER NOT NULL, complete INTEGER NOT NULL DEFAULT 0);
CREATE TABLE file (
  directory INTEGER NOT NULL, name BLOB NOT NULL, state BLOB NOT NULL, outcome INTEGER NOT NULL,
  digest BLOB, flags INTEGER NOT NULL, PRIMARY KEY (directory, name)) WITHOUT ROWID
"""


def _first(connection: sqlite3.Connection) -> None:
    for statement in _FIRST.split(";"):
        connection.execute(statement)


def _second(connection: sqlite3.Connection) -> None:
    """Attributes of files, digests of listings, the commitment to all rows."""
    connection.execute("ALTER TABLE file ADD COLUMN attributes BLOB")
    connection.execute("ALTER TABLE directory ADD COLUMN seen BLOB")
    connection.execute(
        "CREATE TABLE commitment (id INTEGER PRIMARY KEY, total BLOB NOT NULL,"
        " entries INTEGER NOT NULL)"
    )
    # 4: attributes are not known (rows.BARE); the re-hash fills them in without telling.
    connection.execute("UPDATE file SET flags = flags | 4")


_STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _second)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring them to this version; all steps in one transaction.

    Raises:
        sqlite3.DatabaseError: the file is damaged, or made by a newer version.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise sqlite3.DatabaseError(
            f"{path} has version {version}, this agent knows {VERSION}: update the agent"
        )
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in _STEPS[version:]:
            step(connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
