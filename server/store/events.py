"""Reading events: over all day files, in order of arrival or of observation.

Each file has a connection of its own and the merge is done here, because SQLite attaches ten
databases at most. Files may appear and go away meanwhile.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collectors.event import parse_event_id
from server.ledger import Stored
from server.store import days
from server.store.merge import Source, merge
from server.store.query import EventQuery
from server.store.stored import COLUMNS, Cursor, StoredEvent, from_row
from server.store.writer import EventWriter, NewBatch, NewEvent, NewSkip, StoreFull, Written

__all__ = [
    "Cursor",
    "EventStore",
    "EventWriter",
    "NewBatch",
    "NewEvent",
    "NewSkip",
    "SearchTimeout",
    "StoreFull",
    "StoredEvent",
    "Written",
]

MAX_OPEN = 64
"""Connections kept, so that a year of days does not exhaust the descriptors."""
_STRIDE = 500
"""Events that must be readable behind a damage."""
_STEPS = 50_000
"""Instructions of SQLite between two looks at the clock."""


class SearchTimeout(Exception):  # noqa: N818 - named for what happened
    """A search took longer than allowed: narrow the time or the query."""


class EventStore:
    """Reader of the day files; usable from several threads, one call at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: OrderedDict[str, sqlite3.Connection] = OrderedDict()
        self._inodes: dict[str, int] = {}
        self._busy: set[str] = set()
        """Days with a statement under way: their connections stay."""
        self._spans: dict[str, tuple[int, int] | None] = {}
        """The catalogue: first and last moment of observation of days that are over."""
        self._deadline = float("inf")
        self._lock = threading.RLock()

    def days(self) -> list[str]:
        """Return the days that have a file, oldest first, and let go of those that have none."""
        with self._lock:
            present = days.list_days(self._directory)
            for gone in self._open.keys() - set(present):
                self._open.pop(gone).close()
            for gone in self._spans.keys() - set(present):
                del self._spans[gone]
            return present

    def _connection(self, day: str) -> sqlite3.Connection | None:
        """Return the connection to *day*, None when its file is gone or not complete yet."""
        path = days.path_of(self._directory, day)
        connection = self._open.get(day)
        if connection is not None and day not in self._busy and self._replaced(day, path):
            self._open.pop(day).close()
            self._spans.pop(day, None)
            connection = None
        if connection is None:
            try:
                self._inodes[day] = os.stat(path).st_ino
                connection = days.open_reader(path)
            except (FileNotFoundError, sqlite3.OperationalError):
                return None
            connection.set_progress_handler(self._expired, _STEPS)
            self._open[day] = connection
            self._close_surplus()
        self._open.move_to_end(day)
        return connection

    def _replaced(self, day: str, path: Path) -> bool:
        """Say whether another file stands where the one that is open was: that was damaged."""
        try:
            return os.stat(path).st_ino != self._inodes.get(day)
        except FileNotFoundError:
            return True

    def _close_surplus(self) -> None:
        """Let go of the connections that were not used for longest: each takes three files."""
        idle = [day for day in self._open if day not in self._busy]
        for day in idle[: max(0, len(self._open) - MAX_OPEN)]:
            if day != next(reversed(self._open)):
                self._open.pop(day).close()

    def _expired(self) -> bool:
        return time.monotonic() > self._deadline

    def begin(self, day: str, sql: str, params: list[Any]) -> sqlite3.Cursor | None:
        """Start a statement on *day* and keep its connection until `finish`."""
        connection = self._connection(day)
        if connection is None:
            return None
        self._busy.add(day)
        return connection.execute(sql, params)

    def finish(self, day: str) -> None:
        """End what `begin` began."""
        self._busy.discard(day)
        self._close_surplus()

    def span(self, day: str, *, over: bool) -> tuple[int, int] | None:
        """Return the first and last moment of observation of *day*, None when it is empty.

        Only of a day that is *over* is it remembered.
        """
        if day in self._spans:
            return self._spans[day]
        connection = self._connection(day)
        if connection is None:
            return None
        sql = "SELECT (SELECT min(observed) FROM event), (SELECT max(observed) FROM event)"
        first, last = connection.execute(sql).fetchall()[0]
        span = None if first is None else (first, last)
        if over:
            self._spans[day] = span
        return span

    def read(self, after: Cursor | None, limit: int) -> list[StoredEvent]:
        """Return up to *limit* events that arrived after *after*, in order of arrival."""
        result: list[StoredEvent] = []
        sql = f"SELECT {COLUMNS} FROM event WHERE row > ? ORDER BY row LIMIT ?"  # noqa: S608
        with self._lock:
            for day in self.days():
                if after is not None and day < after.day:
                    continue
                connection = self._connection(day)
                if connection is None:
                    # Not complete yet: later days must wait, or its events would be passed over.
                    break
                start = after.row if after is not None and day == after.day else 0
                rows = connection.execute(sql, (start, limit - len(result))).fetchall()
                result += [from_row(day, row) for row in rows]
                if len(result) >= limit:
                    break
        return result

    def past_damage(self, after: Cursor | None) -> Cursor | None:
        """Return a place behind *after* from which can be read again, as near as is cheap to find.

        None when nothing is damaged there. What lies between is lost to whoever follows.
        """
        with self._lock:
            later = [day for day in self.days() if after is None or day >= after.day]
            if not later:
                return None
            row = after.row if after is not None and after.day == later[0] else 0
            end = (row | (days.GENERATION - 1)) if row else days.GENERATION - 1
            for power in range(40):
                place = Cursor(later[0], min(row + (1 << power) - 1, end))
                try:
                    self.read(place, _STRIDE)
                except sqlite3.DatabaseError as error:
                    if not days.is_damage(error):
                        raise
                else:
                    return place if power else None
                if place.row == end:
                    break
            # Nothing of this file can be read: the next one, or what takes its place today.
            place = Cursor(later[1], 0) if len(later) > 1 else Cursor(later[0], end)
            return None if place == after else place

    def end(self) -> Cursor | None:
        """Return the place of the newest arrival, None when there is no event."""
        with self._lock:
            for day in reversed(self.days()):
                connection = self._connection(day)
                if connection is None:
                    continue
                (row,) = connection.execute("SELECT max(row) FROM event").fetchone()
                if row is not None:
                    return Cursor(day, row)
        return None

    def get(self, event: str) -> StoredEvent | None:
        """Return the event with the id *event*, None when the collector does not hold it.

        Raises:
            collectors.event.InvalidEvent: *event* is not an id.
        """
        key = parse_event_id(event)
        if max(key[1:]) >= 2**63:
            return None
        sql = f"SELECT {COLUMNS} FROM event WHERE agent = ? AND epoch = ? AND sequence = ?"  # noqa: S608
        with self._lock:
            for day in reversed(self.days()):
                connection = self._connection(day)
                row = connection and connection.execute(sql, key).fetchone()
                if row:
                    return from_row(day, row)
        return None

    def ranges(self) -> list[Stored]:
        """Return the rows that `server.ledger.Ledger.load` takes."""
        rows: list[Stored] = []
        with self._lock:
            for day in self.days():
                connection = self._connection(day)
                if connection is not None:
                    rows += days.ranges_in(connection)
        return rows

    def search(
        self,
        query: EventQuery,
        since: int | None = None,
        until: int | None = None,
        limit: int = 100,
        before: Cursor | None = None,
        *,
        newest_first: bool = True,
        timeout: float = 30.0,
    ) -> list[StoredEvent]:
        """Return up to *limit* matching events in order of observation.

        Args:
            query: what to look for.
            since: first moment of observation, ns.
            until: moment of observation at which to stop (not included), ns.
            limit: how many at most.
            before: the last event of the page before this one, in the same order.
            newest_first: order.
            timeout: seconds.

        Raises:
            SearchTimeout: it took longer.
        """
        with self._lock, self.bounded(timeout):
            edge = self._place(before) if before else None
            condition = _condition(query, since, until)
            present = self.days()
            sources = [
                Source(self, day, span, newest_first=newest_first)
                for day in present
                if (span := self.span(day, over=day != present[-1]))
                and overlaps(span, since, until)
            ]
            try:
                return list(merge(sources, condition, edge, limit))
            finally:
                for source in sources:
                    source.close()

    def _place(self, cursor: Cursor) -> tuple[int, str, int]:
        connection = self._connection(cursor.day)
        sql = "SELECT observed FROM event WHERE row = ?"
        row = connection and connection.execute(sql, (cursor.row,)).fetchone()
        if not row:
            raise LookupError(f"no event at {cursor.day}/{cursor.row}: start again without it")
        return row[0], cursor.day, cursor.row

    @contextmanager
    def bounded(self, timeout: float) -> Iterator[None]:
        """End statements inside after *timeout* seconds.

        Raises:
            SearchTimeout: it was so.
        """
        self._deadline = time.monotonic() + timeout
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                hint = "narrow the time or the query"
                raise SearchTimeout(f"search took over {timeout:g} s: {hint}") from error
            raise
        finally:
            self._deadline = float("inf")

    def close(self) -> None:
        """Close all connections; closing twice does no harm."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()


def _condition(query: EventQuery, since: int | None, until: int | None) -> tuple[str, list[Any]]:
    where, params = query.sql()
    if since is not None:
        where += " AND observed >= ?"
        params = [*params, since]
    if until is not None:
        where += " AND observed < ?"
        params = [*params, until]
    return where, params


def overlaps(span: tuple[int, int], since: int | None, until: int | None) -> bool:
    """Say whether moments of *span* lie within *since* .. *until*, not included (ns)."""
    return (since is None or span[1] >= since) and (until is None or span[0] < until)
