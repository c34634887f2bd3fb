"""One order over many day files.

Statements are put together from constants and from `EventQuery.sql`, whose values are parameters.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator
from typing import Any, Protocol

from server.store.stored import COLUMNS, StoredEvent, from_row


class Statements(Protocol):
    """What a source needs of the store."""

    def begin(self, day: str, sql: str, params: list[Any]) -> sqlite3.Cursor | None:
        """Start a statement on *day* and keep its connection until `finish`."""

    def finish(self, day: str) -> None:
        """End what `begin` began."""


class Source:
    """One day file in a merge."""

    def __init__(
        self, store: Statements, day: str, span: tuple[int, int], *, newest_first: bool
    ) -> None:
        self.day = day
        self.newest_first = newest_first
        self.bound = -span[1] if newest_first else span[0]
        """No key of this file's events is less."""
        self._store = store
        self._rows: sqlite3.Cursor | None = None

    def start(self, where: str, params: list[Any], edge: tuple[int, str, int] | None) -> None:
        """Begin to read what matches and lies behind *edge*, the last event of another page."""
        order = "DESC" if self.newest_first else "ASC"
        if edge is not None:
            observed, day, row = edge
            sign = "<" if self.newest_first else ">"
            if self.day == day:
                where += f" AND (observed, row) {sign} (?, ?)"
                params = [*params, observed, row]
            else:
                same = (self.day < day) if self.newest_first else (self.day > day)
                where += f" AND observed {sign}{'=' if same else ''} ?"
                params = [*params, observed]
        by = f"observed {order}, row {order}"
        sql = f"SELECT {COLUMNS} FROM event WHERE {where} ORDER BY {by}"  # noqa: S608
        self._rows = self._store.begin(self.day, sql, params)

    def next(self) -> tuple[tuple[int, str | _Backwards, int], StoredEvent] | None:
        """Return the next event with its key, the least first."""
        values = self._rows.fetchone() if self._rows is not None else None
        if values is None:
            self.close()
            return None
        event = from_row(self.day, values)
        if self.newest_first:
            return (-event.observed, _Backwards(event.day), -event.row), event
        return (event.observed, event.day, event.row), event

    def close(self) -> None:
        """End the statement; closing twice does no harm."""
        if self._rows is not None:
            self._rows.close()
            self._rows = None
            self._store.finish(self.day)


class _Backwards(str):
    """Text that sorts the other way."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)

    def __gt__(self, other: str) -> bool:
        return str.__lt__(self, other)


def merge(
    sources: list[Source],
    condition: tuple[str, list[Any]],
    edge: tuple[int, str, int] | None,
    limit: int,
) -> Iterator[StoredEvent]:
    """Yield events of all sources in order, starting a source only when it may be next."""
    waiting = sorted(sources, key=lambda source: source.bound, reverse=True)
    heap: list[tuple[Any, int, StoredEvent, Source]] = []

    def pull(source: Source) -> None:
        found = source.next()
        if found is not None:
            heapq.heappush(heap, (found[0], id(source), found[1], source))

    for _ in range(limit):
        while waiting and (not heap or waiting[-1].bound <= heap[0][0][0]):
            source = waiting.pop()
            source.start(*condition, edge)
            pull(source)
        if not heap:
            return
        _, _, event, source = heapq.heappop(heap)
        yield event
        pull(source)
