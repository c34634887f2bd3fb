"""Day files: events by the day of their arrival (UTC), one SQLite file each.

A file is written by one process and read by any. Beside the events it keeps the ranges of
sequences that it settles, so that both become durable in one transaction.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from server.ledger import RangeSet, Stored

Place: TypeAlias = tuple[str, int, str, int]
"""(agent, epoch, cause, severity): what a set of ranges is about."""

_FILE = re.compile(r"(\d{4}-\d{2}-\d{2})\.db")
BUSY_MS = 10_000

SCHEMA = """
CREATE TABLE event (
    row INTEGER PRIMARY KEY,
    agent TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    observed INTEGER NOT NULL,
    received INTEGER NOT NULL,
    kind TEXT NOT NULL,
    severity INTEGER NOT NULL,
    opd TEXT NOT NULL,
    host TEXT NOT NULL,
    fields TEXT NOT NULL
);
CREATE UNIQUE INDEX event_delivery ON event(agent, epoch, sequence);
CREATE INDEX event_observed ON event(observed);
CREATE INDEX event_severe ON event(observed) WHERE severity >= 3;
CREATE INDEX event_exposure ON event(agent)
    WHERE kind IN ('exposure.finding', 'exposure.cleared', 'exposure.incomplete');
CREATE TABLE range (
    agent TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    cause TEXT NOT NULL,
    severity INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (agent, epoch, cause, severity, first)
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
INSERT = (
    "INSERT INTO event (agent, epoch, sequence, observed, received, kind, severity, opd, host,"
    " fields) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_AT = INSERT.replace("(agent,", "(row, agent,").replace("(?,", "(?, ?,")
"""The same at a given row."""
GENERATION = 1 << 40
"""Rows of a file that takes a damaged one's place begin at a multiple: a reader's cursor, which
points into the file before, must not lie ahead of them."""


def day_of(now: int) -> str:
    """Return the UTC day of *now* (ns since 1970) as ``YYYY-MM-DD``."""
    moment = datetime.datetime.fromtimestamp(now // 1_000_000_000, tz=datetime.timezone.utc)
    return moment.date().isoformat()


def path_of(directory: Path, day: str) -> Path:
    """Return where the file of *day* is."""
    return directory / f"{day}.db"


def list_days(directory: Path) -> list[str]:
    """Return the days that have a file, oldest first; none when there is no directory yet."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return sorted(match[1] for name in names if (match := _FILE.fullmatch(name)))


def first_row(directory: Path, day: str) -> int:
    """Return where the rows of the file of *day* begin: 0 unless damaged ones were set aside."""
    aside = re.compile(re.escape(f"{day}.db.damaged-") + r"(\d{1,4})")
    found = [int(match[1]) for name in os.listdir(directory) if (match := aside.fullmatch(name))]
    return max(found, default=0) * GENERATION


def is_damage(error: sqlite3.Error) -> bool:
    """Say whether *error* means that the file's content is broken."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def make_private(path: Path) -> None:
    """Make an empty file of mode 0600 unless there is one; SQLite gives its log the same mode."""
    # An existing database is not opened: closing that descriptor would drop the POSIX locks of
    # all connections that this process has to it (sqlite.org/howtocorrupt.html, 2.2).
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def open_writer(path: Path) -> sqlite3.Connection:
    """Open a day file for its only writer, making it when it is not there.

    Raises:
        sqlite3.DatabaseError: the file is damaged, or the disk is full.
    """
    make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL may lose the last commits at power loss, after they were acknowledged.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a day file to read, from any process and thread.

    Raises:
        sqlite3.OperationalError: it is gone, or not complete yet.
    """
    uri = path.absolute().as_uri() + "?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("PRAGMA query_only = 1")
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            raise sqlite3.OperationalError("day file is not complete yet")
    except BaseException:
        connection.close()
        raise
    return connection


def ranges_in(connection: sqlite3.Connection) -> Iterator[Stored]:
    """Return the rows of a day file's table of ranges."""
    sql = "SELECT agent, epoch, cause, severity, first, last FROM range"
    return map(Stored._make, connection.execute(sql))


class DayRanges:
    """The ranges of one day file, with changes that are kept only when their commit succeeds."""

    def __init__(self, rows: Iterable[Stored] = ()) -> None:
        self._kept: dict[Place, RangeSet] = {}
        self._staged: dict[Place, RangeSet] = {}
        for row in rows:
            self._kept.setdefault(row[:4], RangeSet()).add(row.first, row.last)

    def add(self, place: Place, first: int, last: int) -> None:
        """Stage first..last."""
        ranges = self._staged.get(place)
        if ranges is None:
            ranges = self._staged[place] = self._kept.get(place, RangeSet()).copy()
        ranges.add(first, last)

    @contextlib.contextmanager
    def transaction(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Commit what the block does and the ranges it stages, or nothing of either."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            for place, ranges in self._staged.items():
                self._store(connection, place, ranges)
            connection.execute("COMMIT")
            self._kept.update(self._staged)
        finally:
            self._staged = {}
            if connection.in_transaction:  # a full disk may have ended it already
                connection.execute("ROLLBACK")

    def _store(self, connection: sqlite3.Connection, place: Place, ranges: RangeSet) -> None:
        before = set(self._kept.get(place, ()))
        after = set(ranges)
        connection.executemany(
            "DELETE FROM range WHERE agent = ? AND epoch = ? AND cause = ? AND severity = ?"
            " AND first = ? AND last = ?",
            [place + gone for gone in before - after],
        )
        connection.executemany(
            "INSERT INTO range VALUES (?, ?, ?, ?, ?, ?)", [place + new for new in after - before]
        )
