"""The state database: agents, tokens, alerts, outbox, rules, audit."""

from __future__ import annotations

import fcntl
import importlib
import os
import pkgutil
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from server.store import days, migrations

Params: TypeAlias = Sequence[Any] | Mapping[str, Any]
_BUSY_MS = 10_000


class StateStore:
    """One connection, for several threads through a lock, for several processes through WAL."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path) -> StateStore:
        """Open the database, making it or bringing its schema up to date when needed.

        Raises:
            sqlite3.Error: the file cannot be used.
            OSError: its directory cannot.
        """
        with _only_one(path):
            days.make_private(path)
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                _prepare(connection)
                _migrate(connection)
            except BaseException:
                connection.close()
                raise
        return cls(connection)

    def query(self, sql: str, params: Params = ()) -> list[dict[str, Any]]:
        """Return all rows of a SELECT as dictionaries."""
        with self._lock:
            cursor = self._connection.execute(sql, params)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def execute(self, sql: str, params: Params = ()) -> sqlite3.Cursor:
        """Run one statement; outside of `transaction` it commits by itself."""
        with self._lock:
            return self._connection.execute(sql, params)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything done inside together, or nothing when an exception leaves the block.

        Other threads wait meanwhile. A block inside a block belongs to the outer one.

        Raises:
            sqlite3.OperationalError: another process kept the database locked for 10 s.
        """
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                self._roll_back()

    def _roll_back(self) -> None:
        """End a transaction that is still open; a full disk may have ended it already."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection; closing twice does no harm."""
        with self._lock:
            self._connection.close()


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # A long reader lets the WAL grow; give the space back afterwards.
    connection.execute("PRAGMA journal_size_limit = 16777216")


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold the lock that keeps two processes from migrating at once."""
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _names() -> list[str]:
    return sorted(
        module.name
        for module in pkgutil.iter_modules(migrations.__path__)
        if module.name.startswith("m")
    )


def _migrate(connection: sqlite3.Connection) -> None:
    names = _names()
    if _applied(connection) >= set(names):
        return
    import sqlite_utils  # over 100 ms, and needed once per version
    from sqlite_utils.migrations import Migrations

    steps = Migrations("ronda")
    for name in names:
        module = importlib.import_module(f"{migrations.__name__}.{name}")

        def step(db: sqlite_utils.Database, sql: str = module.SQL) -> None:
            for statement in _statements(sql):
                db.execute(statement)

        steps(name=name)(step)
    steps.apply(sqlite_utils.Database(connection, execute_plugins=False))


def _applied(connection: sqlite3.Connection) -> set[str]:
    table = "SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'"
    if connection.execute(table).fetchone() is None:
        return set()
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = 'ronda'")
    return {row[0] for row in rows}


def _statements(sql: str) -> Iterator[str]:
    """Split a script; executescript would commit the transaction that the step runs in."""
    statement = ""
    for line in sql.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
