"""Questions about files, answered by SQLite in each day file, the newest first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from server.store.events import EventStore, SearchTimeout, overlaps
from server.store.file_query import PATH, SHA256, TOKEN, Question
from server.store.stored import COLUMNS, StoredEvent, from_row

MAX_PATHS = 200_000
"""Paths of one host and day that are counted; those that changed last."""
_ACTION = "json_extract(fields, '$.\"event.action\"')"
_ENDING = (
    f"coalesce({_ACTION}, iif(kind = 'exposure.cleared',"
    " json_extract(fields, '$.\"event.reason\"'), NULL))"
)
_PLACE = "printf('%019d%019d', epoch, sequence)"
"""Order of one agent's events, whatever its clock did."""
_TELL_STATE = "('file.change', 'exposure.finding', 'exposure.cleared')"
"""Kinds after which is known whether a file is still what it was."""


class Found(NamedTuple):
    """What was found in the time that there was."""

    events: list[StoredEvent]
    more: bool
    """There are more than were asked for."""
    stopped: bool
    """Time ran out: older events were not looked at."""


def find(
    store: EventStore,
    question: Question,
    since: int | None,
    until: int | None,
    *,
    limit: int,
    timeout: float = 30.0,
) -> Found:
    """Return the newest *limit* events, newest first, looking for *timeout* seconds."""
    where, params = question.sql(since, until)
    # In the order of the file: by an index every page would be read out of turn, and cold ones
    # take ten times longer.
    sql = f"""
        SELECT {COLUMNS} FROM event NOT INDEXED WHERE {where}
        ORDER BY observed DESC, row DESC LIMIT {limit + 1}
    """  # noqa: S608 - conditions with placeholders
    events: list[StoredEvent] = []
    stopped = False
    try:
        with store.bounded(timeout):
            for day, newest in days_of(store, since, until):
                if len(events) > limit and newest < events[limit].observed:
                    continue
                events += [from_row(day, row) for row in rows_of(store, day, sql, params)]
                events.sort(key=lambda event: (event.observed, event.day, event.row), reverse=True)
                del events[limit + 1 :]
    except SearchTimeout:
        stopped = True
    return Found(events[:limit], len(events) > limit, stopped)


def days_of(store: EventStore, since: int | None, until: int | None) -> Iterator[tuple[str, int]]:
    """Yield each day that has events of this time with its last moment (ns), newest first."""
    present = store.days()
    for day in reversed(present):
        span = store.span(day, over=day != present[-1])
        if span is not None and overlaps(span, since, until):
            yield day, span[1]


def rows_of(store: EventStore, day: str, sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
    cursor = store.begin(day, sql, params)
    try:
        return cursor.fetchall() if cursor is not None else []
    finally:
        store.finish(day)


class Last(NamedTuple):
    """The last that is known of a file."""

    place: str
    """Sorts as the events of its agent."""
    observed: int
    action: str | None
    sha256: str | None


def last_states(
    store: EventStore, wanted: Iterable[tuple[str, str]], since: int, timeout: float = 30.0
) -> dict[tuple[str, str], Last] | None:
    """Return the last change from *since* (ns) on for each (agent, path); None out of time."""
    keys = set(wanted)
    agents, paths = sorted({agent for agent, _ in keys}), sorted({path for _, path in keys})
    sql = f"""
        SELECT agent, {PATH} AS path, max({_PLACE}), observed, {_ENDING}, {SHA256}
        FROM event
        WHERE observed >= ? AND kind IN {_TELL_STATE}
        AND agent IN (SELECT value FROM json_each(?))
        AND {PATH} IN (SELECT value FROM json_each(?))
        GROUP BY agent, path
    """  # noqa: S608 - constants of this module
    found: dict[tuple[str, str], Last] = {}
    try:
        with store.bounded(timeout):
            params = [since, json.dumps(agents), json.dumps(paths)]
            for day, _ in days_of(store, since, None):
                for agent, path, *state in rows_of(store, day, sql, params):
                    key, last = (agent, path), Last(*state)
                    if key in keys and (key not in found or last.place > found[key].place):
                        found[key] = last
    except SearchTimeout:
        return None
    return found


class Changed(NamedTuple):
    """How often a path changed, and its last event."""

    counts: dict[str, int]
    """``created``, ``modified``, ``attributes``, ``deleted``; ``changes`` is all."""
    first: int
    """ns; as ``last``."""
    last: int
    event: StoredEvent


class Changes(NamedTuple):
    """What changed on a host."""

    paths: list[Changed]
    more: bool
    stopped: bool
    """Time ran out: older events were not looked at."""


_ACTIONS = ("created", "modified", "attributes", "deleted")


def changed_paths(
    store: EventStore,
    question: Question,
    since: int | None,
    until: int | None,
    *,
    limit: int,
    timeout: float = 30.0,
) -> Changes:
    """Return the *limit* paths that changed last, newest first; SQLite counts."""
    where, params = question.sql(since, until)
    sums = ", ".join(f"sum({_ACTION} = '{action}')" for action in _ACTIONS)
    sql = f"""
        SELECT {PATH} AS path, {TOKEN} AS token, max({_PLACE} || printf('%019d', row)),
        min(observed), max(observed), count(*), {sums}
        FROM event WHERE kind = 'file.change' AND {where}
        GROUP BY path, token ORDER BY max(observed) DESC LIMIT {MAX_PATHS + 1}
    """  # noqa: S608 - constants of this module and conditions with placeholders
    merged: dict[tuple[str, str | None], _Group] = {}
    more = stopped = False
    try:
        with store.bounded(timeout):
            for day, _ in days_of(store, since, until):
                rows = rows_of(store, day, sql, params)
                more |= len(rows) > MAX_PATHS
                for path, token, place, first, last, *counts in rows[:MAX_PATHS]:
                    new = _Group(day, place, first, last, counts)
                    old = merged.get((path, token))
                    merged[path, token] = new if old is None else _added(old, new)
    except SearchTimeout:
        stopped = True
    newest = sorted(merged.values(), key=lambda group: group.last, reverse=True)
    paths = list(_with_events(store, newest[:limit]))
    return Changes(paths, more or len(newest) > limit, stopped)


class _Group(NamedTuple):
    day: str
    """Of the last event."""
    place: str
    first: int
    last: int
    counts: list[int]


def _added(one: _Group, other: _Group) -> _Group:
    later = max(one, other, key=lambda group: group.place)
    return _Group(
        later.day,
        later.place,
        min(one.first, other.first),
        max(one.last, other.last),
        [left + right for left, right in zip(one.counts, other.counts, strict=True)],
    )


def _with_events(store: EventStore, groups: Sequence[_Group]) -> Iterator[Changed]:
    sql = f"SELECT {COLUMNS} FROM event WHERE row IN (SELECT value FROM json_each(?))"  # noqa: S608
    events: dict[tuple[str, int], StoredEvent] = {}
    for day in {group.day for group in groups}:
        wanted = [int(group.place[-19:]) for group in groups if group.day == day]
        for values in rows_of(store, day, sql, [json.dumps(wanted)]):
            events[day, values[0]] = from_row(day, values)
    for group in groups:
        event = events.get((group.day, int(group.place[-19:])))
        if event is not None:  # its file may have gone meanwhile
            counts = dict(zip(("changes", *_ACTIONS), group.counts, strict=True))
            yield Changed(counts, group.first, group.last, event)
