"""Which files hold sensitive data now, and which did: the last that their agents said of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from server.store.events import EventStore, SearchTimeout
from server.store.file_query import PATH, TOKEN
from server.store.files import days_of, rows_of
from server.store.query import Sql
from server.store.stored import COLUMNS, StoredEvent, from_row

FINDING = "exposure.finding"
CLEARED = "exposure.cleared"
INCOMPLETE = "exposure.incomplete"
_TYPES = "json_extract(fields, '$.\"ronda.data.types\"')"
_REASON = "json_extract(fields, '$.\"event.reason\"')"
_OUTCOME = "json_extract(fields, '$.\"ronda.scan.outcome\"')"
_PARTS = 500
"""Rows of one day that are fetched with one statement."""


class Exposure(NamedTuple):
    """A file that holds, or held, sensitive data."""

    id: str
    """12 hexadecimal digits; the same as long as agent and path are."""
    agent: str
    host: str
    opd: str
    path: str
    token: str | None
    """Of a masked path."""
    present: str
    """``yes``, ``no``, or ``unknown``: it could not be looked into again."""
    first: int
    """ns: first finding since the file was last clean or absent."""
    last: int
    """ns: last finding."""
    ended: int | None
    """ns: when it was found to be gone or clean, or could not be read."""
    end: str | None
    """``deleted``, ``clean``, or what kept the agent from looking again."""
    severity: int
    """Of the last finding."""
    types: tuple[str, ...]
    day: str
    row: int


class _Seen(NamedTuple):
    place: tuple[int, int]
    """(epoch, sequence): the order of one agent's events, whatever its clock did."""
    observed: int
    kind: str
    day: str
    row: int
    severity: int
    host: str
    opd: str
    types: str | None
    why: str | None


class Known(NamedTuple):
    """What was found in the time that there was."""

    exposures: list[Exposure]
    stopped: bool
    """Time ran out: older events were not looked at."""


def identify(agent: str, path: str, token: str | None) -> str:
    """Return the short id of the exposure at a place. Pure."""
    key = "\0".join((agent, path, token or ""))
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def known(store: EventStore, conditions: Sequence[Sql] = (), *, timeout: float = 30.0) -> Known:
    """Return every exposure whose events meet *conditions*, the gravest and newest first."""
    # Word for word as in the index of the day file, so that SQLite takes it.
    kinds = f"kind IN ('{FINDING}', '{CLEARED}', '{INCOMPLETE}')"
    where = " AND ".join([kinds, *(f"({one.where})" for one in conditions)])
    params = [value for one in conditions for value in one.params]
    sql = f"""
        SELECT row, agent, epoch, sequence, observed, kind, severity, host, opd, {PATH}, {TOKEN},
        {_TYPES}, CASE kind WHEN '{INCOMPLETE}' THEN {_OUTCOME} ELSE {_REASON} END
        FROM event WHERE {where}
    """  # noqa: S608 - conditions with placeholders
    seen: dict[tuple[str, str, str | None], list[_Seen]] = {}
    stopped = False
    try:
        with store.bounded(timeout):
            for day, _ in days_of(store, None, None):
                for row in rows_of(store, day, sql, params):
                    _note(seen, day, row)
    except SearchTimeout:
        stopped = True
    found = [one for key, events in seen.items() if (one := _exposure(key, events)) is not None]
    return Known(sorted(found, key=lambda one: (-one.severity, -one.last, one.id)), stopped)


def _note(
    seen: dict[tuple[str, str, str | None], list[_Seen]], day: str, values: tuple[object, ...]
) -> None:
    row, agent, epoch, sequence, observed, kind, severity, host, opd, path, token, *more = values
    types, why = more
    if not isinstance(path, str):  # of a stranger's agent
        return
    key = str(agent), path, token if isinstance(token, str) else None
    one = _Seen(
        (int(str(epoch)), int(str(sequence))),
        int(str(observed)),
        str(kind),
        day,
        int(str(row)),
        int(str(severity)),
        str(host),
        str(opd),
        types if isinstance(types, str) else None,
        why if isinstance(why, str) else None,
    )
    seen.setdefault(key, []).append(one)


def _exposure(key: tuple[str, str, str | None], events: list[_Seen]) -> Exposure | None:
    """Return what *events* of one place amount to, None when nothing was ever found. Pure."""
    events.sort(key=lambda one: one.place)
    first: int | None = None
    last: _Seen | None = None
    after: _Seen | None = None
    for one in events:
        if one.kind == FINDING:
            if after is not None and after.kind == CLEARED:
                first = None
            first = one.observed if first is None else min(first, one.observed)
            last, after = one, None
        else:
            after = one
    if last is None or first is None:
        return None
    agent, path, token = key
    present = "yes" if after is None else "no" if after.kind == CLEARED else "unknown"
    return Exposure(
        id=identify(agent, path, token),
        agent=agent,
        host=last.host,
        opd=last.opd,
        path=path,
        token=token,
        present=present,
        first=first,
        last=last.observed,
        ended=after.observed if after else None,
        end=(after.why or "unknown") if after else None,
        severity=last.severity,
        types=_types(last.types),
        day=last.day,
        row=last.row,
    )


def _types(text: str | None) -> tuple[str, ...]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return ()
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def with_findings(
    store: EventStore, exposures: Iterable[Exposure]
) -> Iterator[tuple[Exposure, StoredEvent]]:
    """Yield each of *exposures* with its last finding, in any order.

    One whose day was dropped meanwhile is left out.
    """
    sql = f"SELECT {COLUMNS} FROM event WHERE row IN (SELECT value FROM json_each(?))"  # noqa: S608
    days: dict[str, list[Exposure]] = {}
    for one in exposures:
        days.setdefault(one.day, []).append(one)
    for day, wanted in days.items():
        for begin in range(0, len(wanted), _PARTS):
            some = {one.row: one for one in wanted[begin : begin + _PARTS]}
            for values in rows_of(store, day, sql, [json.dumps(list(some))]):
                yield some[values[0]], from_row(day, values)
