"""The only writer of day files."""

from __future__ import annotations

import datetime
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from server.ledger import EXPIRED, HELD, Entry, Ledger, Range, Stored
from server.store import days

log = logging.getLogger(__name__)
_LEAP_DAYS = 7
_LONG_WAL = 64 << 20
"""Bytes of write-ahead log from which it is emptied."""


class StoreFull(Exception):  # noqa: N818 - a condition of the disk, not a mistake
    """The disk refused the commit; nothing of it is stored and nothing may be acknowledged."""


class NewEvent(NamedTuple):
    """An event to be stored."""

    sequence: int
    observed: int
    """ns since 1970, by the agent's clock."""
    kind: str
    severity: int
    fields: str
    """JSON object with all fields as they came."""


class NewSkip(NamedTuple):
    """Sequences that the agent says will never come."""

    first: int
    last: int
    cause: str
    severity: int


class NewBatch(NamedTuple):
    """What one agent sent at once."""

    agent: str
    epoch: int
    opd: str
    host: str
    received: int
    """ns since 1970, by the collector's clock."""
    events: Sequence[NewEvent]
    skipped: Sequence[NewSkip] = ()


class Written(NamedTuple):
    """What became of a batch."""

    acknowledged: int
    """Highest sequence of its epoch up to which everything is committed."""
    stored: int
    """How many of its events were new."""


class EventWriter:
    """Inserts events once each and keeps the ledger. For one thread in one process.

    The day never goes back: readers follow the files in order, so a clock that was set back
    must not add to a file that they have left.
    """

    def __init__(self, directory: Path) -> None:
        """Load the ledger from all day files.

        Raises:
            OSError: *directory* cannot be used.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._day = ""
        self._connection: sqlite3.Connection | None = None
        self._ranges = days.DayRanges()
        self._first_row = 0
        """Where the rows of a file that is still empty must begin; 0 for anywhere."""
        self.ledger = Ledger.load(self._load())

    def _load(self) -> Iterator[Stored]:
        for day in days.list_days(self._directory):
            path = days.path_of(self._directory, day)
            try:
                yield from _read_ranges(path)
            except sqlite3.DatabaseError as error:
                if not days.is_damage(error):
                    raise
                _set_aside(path, error)

    def write(self, batches: Sequence[NewBatch], now: int) -> list[Written]:
        """Store what is new in *batches* in one transaction and return one answer for each.

        Raises:
            StoreFull: the disk is full; nothing is stored.
            sqlite3.Error: the file is damaged or cannot be written; nothing is stored.
        """
        try:
            return self._write(batches, now)
        except sqlite3.Error as error:
            # A connection that met a full disk is not worth trusting: begin again from the file.
            self._close_day()
            if _is_full(error):
                raise StoreFull(f"{self._directory}: {error}") from error
            if days.is_damage(error) and self._day:
                _set_aside(days.path_of(self._directory, self._day), error)
            raise

    def _write(self, batches: Sequence[NewBatch], now: int) -> list[Written]:
        connection = self._open_day(now)
        staged: dict[tuple[str, int], Entry] = {}
        counts = []
        with self._ranges.transaction(connection):
            for batch in batches:
                key = batch.agent, batch.epoch
                entry = staged.get(key)
                if entry is None:
                    entry = staged[key] = self.ledger.entry(*key)
                counts.append(self._insert(connection, batch, entry))
        for (agent, epoch), entry in staged.items():
            self.ledger.replace(agent, epoch, entry)
        return [
            Written(self.ledger.acknowledged(batch.agent, batch.epoch), count)
            for batch, count in zip(batches, counts, strict=True)
        ]

    def _insert(self, connection: sqlite3.Connection, batch: NewBatch, entry: Entry) -> int:
        agent, epoch, opd, host, received, events, skipped = batch
        fresh = {new.sequence: new for new in events if new.sequence not in entry.held}
        rows = [
            (agent, epoch, sequence, observed, received, kind, severity, opd, host, fields)
            for sequence, observed, kind, severity, fields in fresh.values()
        ]
        if self._first_row and rows:
            connection.execute(days.INSERT_AT, (self._first_row, *rows.pop(0)))
            self._first_row = 0
        connection.executemany(days.INSERT, rows)
        for first, last in runs(fresh):
            entry.hold(first, last)
            self._ranges.add((agent, epoch, HELD, 0), first, last)
        for skip in skipped:
            for first, last in entry.skip(*skip):
                self._ranges.add((agent, epoch, skip.cause, skip.severity), first, last)
        return len(fresh)

    def _open_day(self, now: int) -> sqlite3.Connection:
        today = max(days.day_of(now), self._day)
        if self._connection is not None and today == self._day:
            return self._connection
        today = max([today, *days.list_days(self._directory)[-1:]])
        self._close_day()
        path = days.path_of(self._directory, today)
        connection = days.open_writer(path)
        try:
            self._ranges = days.DayRanges(days.ranges_in(connection))
            empty = connection.execute("SELECT max(row) FROM event").fetchone()[0] is None
            self._first_row = days.first_row(self._directory, today) if empty else 0
        except BaseException:
            connection.close()
            raise
        self._connection, self._day = connection, today
        return connection

    def _close_day(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def tidy(self) -> None:
        """Empty a write-ahead log that a long reader has let grow; call now and then."""
        path = days.path_of(self._directory, self._day)
        try:
            long = os.stat(f"{path}-wal").st_size > _LONG_WAL
        except FileNotFoundError:
            return
        if long and self._connection is not None:
            self._connection.execute("PRAGMA busy_timeout = 0")  # readers are not waited for
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._connection.execute(f"PRAGMA busy_timeout = {days.BUSY_MS}")

    def drop_before(self, day: str, now: int) -> list[str]:
        """Remove the day files older than *day* and return their days.

        The ranges that they settled are carried into the newest file first: what was acknowledged
        stays acknowledged, and `ronda delivery` shows no gap.

        Raises:
            sqlite3.Error, OSError: the files cannot be used.
        """
        connection = self._open_day(now)
        present = days.list_days(self._directory)
        if leapt(present, days.day_of(now)):
            log.warning("retention waits a day: is the clock right? %s", ", ".join(present[-2:]))
            return []
        gone = [old for old in present if old < day]
        gone = [old for old in gone if old != self._day]
        for old in gone:
            path = days.path_of(self._directory, old)
            self._carry(connection, path)
            for name in (path, f"{path}-wal", f"{path}-shm"):
                Path(name).unlink(missing_ok=True)
        return gone

    def _carry(self, connection: sqlite3.Connection, path: Path) -> None:
        source = days.open_writer(path)
        try:
            with self._ranges.transaction(connection):
                for agent, epoch, cause, severity, first, last in days.ranges_in(source):
                    kept = EXPIRED if cause == HELD else cause
                    self._ranges.add((agent, epoch, kept, severity), first, last)
        finally:
            source.close()

    def close(self) -> None:
        """Close the open day file; closing twice does no harm."""
        self._close_day()


def runs(sequences: Iterable[int]) -> Iterator[Range]:
    """Return the ranges that *sequences*, in any order, amount to."""
    first = last = 0
    for sequence in sorted(sequences):
        if sequence != last + 1 or not first:
            if first:
                yield Range(first, last)
            first = sequence
        last = sequence
    if first:
        yield Range(first, last)


def retention_limit(now: int, keep_days: int) -> str:
    """Return the first day to keep when the last *keep_days* full days and today are kept."""
    today = datetime.date.fromisoformat(days.day_of(now))
    return (today - datetime.timedelta(days=keep_days)).isoformat()


def leapt(present: Sequence[str], today: str) -> bool:
    """Say whether *today* follows the last day with a file by more than a week. Pure.

    A clock that is set forward by mistake must not remove all evidence; a right one shows itself
    by the day after, which has a file, too.
    """
    before = max((day for day in present if day < today), default=today)
    gap = datetime.date.fromisoformat(today) - datetime.date.fromisoformat(before)
    return gap.days > _LEAP_DAYS


def _read_ranges(path: Path) -> list[Stored]:
    connection = days.open_writer(path)
    try:
        return list(days.ranges_in(connection))
    finally:
        connection.close()


def _is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
    }


def _set_aside(path: Path, error: sqlite3.Error) -> None:
    """Rename a damaged day file, so that the collector runs and a person can look at it."""
    number = 1
    while (aside := Path(f"{path}.damaged-{number}")).exists():
        number += 1
    log.error("day file %s is damaged (%s): moved to %s", path, error, aside.name)
    for suffix in ("", "-wal", "-shm"):
        if Path(f"{path}{suffix}").exists():
            os.rename(f"{path}{suffix}", f"{aside}{suffix}")
