"""Events: search, tail, show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from collectors.event import InvalidEvent
from server.api.services import Services
from server.api.web import (
    JSON,
    ApiError,
    NoSuchThing,
    TooSlow,
    in_thread,
    integer,
    iso,
    lines,
    moment,
)
from server.store.events import EventStore, SearchTimeout, StoredEvent
from server.store.query import EventQuery, QueryError, parse_query

MAX_ROWS = 100_000
_TAIL_ROWS = 500
"""Events of one look; the next look follows at once when there were as many."""
_TIMES = frozenset(
    {
        "@timestamp",
        "event.created",
        "event.ingested",
        "event.start",
        "event.end",
        "file.mtime",
        "file.ctime",
    }
)
"""Fields that hold ns since 1970."""
_FIRST = (
    "@timestamp",
    "event.id",
    "ronda.kind",
    "event.severity",
    "host.name",
    "organization.name",
    "agent.id",
)
"""What people look for first; the other fields follow by name."""


def view(event: StoredEvent) -> dict[str, Any]:
    """Return the public form: all fields, times as ISO. Pure."""
    fields: Mapping[str, Any] = event.fields
    names = [name for name in _FIRST if name in fields]
    names += sorted(fields.keys() - set(names))
    return {
        name: iso(value) or value if name in _TIMES and isinstance(value, int) else value
        for name, value in ((name, fields[name]) for name in names)
    }


def parsed(query: Mapping[str, str]) -> EventQuery:
    """Return the query in parameter ``q``.

    Raises:
        ApiError: it cannot be understood.
    """
    try:
        return parse_query(query.get("q", ""))
    except QueryError as error:
        raise ApiError(str(error)) from None


async def search(request: Request) -> Response:
    """GET /v1/events"""
    return JSON(await in_thread(_search, request.app.state.services, dict(request.query_params)))


def _search(services: Services, query: Mapping[str, str]) -> dict[str, Any]:
    limit = integer(query, "limit", 100, 1, MAX_ROWS)
    terms = parsed(query)
    since, until = moment(query, "since"), moment(query, "until")
    try:
        with services.events() as store:
            found = store.search(terms, since=since, until=until, limit=limit + 1)
    except SearchTimeout as error:
        raise TooSlow(str(error)) from error
    return {"events": [view(event) for event in found[:limit]], "more": len(found) > limit}


async def show(request: Request) -> Response:
    """GET /v1/events/{id}"""
    return JSON(await in_thread(_show, request.app.state.services, request.path_params["id"]))


def _show(services: Services, event_id: str) -> dict[str, Any]:
    try:
        with services.events() as store:
            event = store.get(event_id)
    except InvalidEvent as error:
        raise ApiError(str(error)) from None
    if event is None:
        raise NoSuchThing(f"there is no event {event_id!r}; it may be older than the retention")
    return view(event)


class Tail:
    """Follows the day files from their end; called from one thread at a time."""

    def __init__(self, services: Services, query: Mapping[str, str]) -> None:
        self._query = parsed(query)
        self._store = EventStore(services.config.events_dir)
        self._cursor = self._store.end()

    def poll(self) -> list[dict[str, Any]]:
        """Return what arrived since the last look and matches, in order of arrival."""
        found = self._store.read(self._cursor, _TAIL_ROWS)
        if found:
            self._cursor = found[-1].cursor
        return [view(event) for event in found if self._query.matches(event.fields)]

    def close(self) -> None:
        """Let go of the day files."""
        self._store.close()


async def tail(request: Request) -> Response:
    """GET /v1/events/stream"""
    look = await in_thread(Tail, request.app.state.services, dict(request.query_params))
    return lines(request, look.poll, look.close)
