"""Alerts: list, show, stream, and what people do with them."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from server.alerts.lifecycle import acknowledge, close, reopen
from server.alerts.model import LEVELS, AlertConflict, UnknownAlert
from server.alerts.queries import events_of, get_alert, history_of, messages_of
from server.alerts.render import render_text, render_title
from server.api.services import Services
from server.api.web import (
    JSON,
    Conflict,
    NoSuchThing,
    body,
    in_thread,
    integer,
    iso,
    lines,
    moment,
    one_of,
    text,
)

STATUSES = {
    "active": ("open", "acknowledged"),
    "open": ("open",),
    "acknowledged": ("acknowledged",),
    "closed": ("closed",),
    "all": ("open", "acknowledged", "closed"),
}
ACTIONS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "ack": acknowledge,
    "close": close,
    "reopen": reopen,
}
MAX_ROWS = 100_000
_OVERLAP = 5 * 10**9
"""ns: a row may become visible this much after the time in its ``updated``."""
_PLAIN = (
    "id",
    "level",
    "status",
    "count",
    "host",
    "opd",
    "agent",
    "title",
    "entity_field",
    "entity",
    "rule",
    "stage",
    "first_event",
    "last_event",
)
_TIMES = ("first_seen", "last_seen", "created", "updated")


def _marks(values: tuple[str, ...]) -> str:
    return ",".join("?" * len(values))


def where(query: Mapping[str, str], default_status: str) -> tuple[list[str], list[Any]]:
    """Return conditions and parameters for the filters in *query*. Pure.

    Raises:
        ApiError: a filter has a wrong value.
    """
    statuses = STATUSES[one_of(query, "status", tuple(STATUSES), default_status)]
    level = one_of(query, "level", LEVELS, LEVELS[0])
    levels = LEVELS[LEVELS.index(level) :]
    conditions = [f"status IN ({_marks(statuses)})", f"level IN ({_marks(levels)})"]
    params: list[Any] = [*statuses, *levels]
    if host := query.get("host"):
        conditions.append("(host = ? COLLATE NOCASE OR agent = ?)")
        params += [host, host]
    for name in ("opd", "rule"):
        if value := query.get(name):
            conditions.append(f"{name} = ?")
            params.append(value)
    for name, test in (("since", "last_seen >= ?"), ("until", "last_seen <= ?")):
        if (bound := moment(query, name)) is not None:
            conditions.append(test)
            params.append(bound)
    return conditions, params


def view(row: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """Return the public form of a row of the table ``alert``."""
    shown = {name: row[name] for name in _PLAIN}
    shown["title"] = render_title(row, lang)
    shown.update((name, iso(row[name])) for name in _TIMES)
    shown["tags"] = json.loads(row["tags"])
    return shown


async def list_alerts(request: Request) -> Response:
    """GET /v1/alerts"""
    services: Services = request.app.state.services
    query = request.query_params
    limit = integer(query, "limit", 50, 1, MAX_ROWS)
    conditions, params = where(query, "active")
    sql = (
        f"SELECT * FROM alert WHERE {' AND '.join(conditions)}"  # noqa: S608 - our own conditions
        " ORDER BY last_seen DESC, id DESC LIMIT ?"
    )
    rows = await in_thread(services.state.query, sql, [*params, limit + 1])
    lang = language(request)
    alerts = [view(row, lang) for row in rows[:limit]]
    return JSON({"alerts": alerts, "more": len(rows) > limit})


async def show_alert(request: Request) -> Response:
    """GET /v1/alerts/{id}"""
    services: Services = request.app.state.services
    return JSON(await in_thread(_details, services, request.path_params["id"], language(request)))


def language(request: Request) -> str:
    """Return the language of the answer: as asked, or the collector's own."""
    services: Services = request.app.state.services
    return one_of(request.query_params, "lang", ("id", "en"), services.config.language)


def _details(services: Services, alert_id: int, lang: str) -> dict[str, Any]:
    state = services.state
    row = _known(get_alert, state, alert_id)
    return {
        **view(row, lang),
        "language": lang,
        **render_text(row, lang),
        "history": [{**entry, "at": iso(entry["at"])} for entry in history_of(state, alert_id)],
        "events": events_of(state, alert_id),
        "notifications": [
            {**entry, "delivered": iso(entry["delivered"])}
            for entry in messages_of(state, alert_id)
        ],
        "fields": json.loads(row["fields"]),
    }


def _known(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Call *function* and turn what people can do wrong into answers."""
    try:
        return function(*arguments)
    except UnknownAlert as error:
        raise NoSuchThing(str(error)) from None
    except OverflowError:
        raise NoSuchThing("there is no alert with so high a number") from None
    except AlertConflict as error:
        raise Conflict(str(error)) from None


def act(action: str) -> Callable[[Request], Any]:
    """Return the endpoint POST /v1/alerts/{id}/*action*, one of `ACTIONS`."""
    change = ACTIONS[action]

    async def endpoint(request: Request) -> Response:
        services: Services = request.app.state.services
        note = text(await body(request), "note", default="")
        apply = functools.partial(change, now=time.time_ns())
        row = await in_thread(
            _known, apply, services.state, request.path_params["id"], request.state.actor, note
        )
        return JSON(view(row, language(request)))

    return endpoint


class Watch:
    """Finds what is new since the last look; called from one thread at a time."""

    def __init__(self, services: Services, query: Mapping[str, str], lang: str) -> None:
        self._services = services
        self._lang = lang
        self._updates = integer(query, "updates", 0, 0, 1) == 1
        since = moment(query, "since")
        filters = {name: value for name, value in query.items() if name not in {"since", "until"}}
        self._conditions, self._params = where(filters, "all")
        top = services.state.query("SELECT coalesce(max(id), 0) AS id FROM alert")[0]["id"]
        self._last = top
        self._backlog: list[dict[str, Any]] = []
        if since is not None:
            recent = self._select("last_seen >= ?", since, "id")
            self._backlog = [row for row in recent if row["id"] <= top]
        self._from = time.time_ns()
        self._seen: dict[int, int] = {}
        """Alert id to ``updated``, as already told."""

    def poll(self) -> list[dict[str, Any]]:
        """Return new alerts, and changed ones when asked for, oldest first."""
        # Ids are given inside the only writer's transactions: their order is that of commits.
        found = self._backlog or self._select("id > ?", self._last, "id")
        if found and not self._backlog:
            self._last = found[-1]["id"]
        self._backlog = []
        answer = [{"change": "new", **view(row, self._lang)} for row in found]
        self._seen.update((row["id"], row["updated"]) for row in found)
        if self._updates:
            answer += self._changed()
        return answer

    def _changed(self) -> list[dict[str, Any]]:
        rows = self._select("updated >= ?", self._from, "updated")
        fresh = [row for row in rows if self._seen.get(row["id"], 0) < row["updated"]]
        if rows:
            self._from = max(self._from, rows[-1]["updated"] - _OVERLAP)
        self._seen = {row["id"]: row["updated"] for row in rows}
        return [{"change": "updated", **view(row, self._lang)} for row in fresh]

    def _select(self, condition: str, value: int, order: str) -> list[dict[str, Any]]:
        both = " AND ".join([*self._conditions, condition])
        return self._services.state.query(
            f"SELECT * FROM alert WHERE {both} ORDER BY {order}, id LIMIT {MAX_ROWS}",  # noqa: S608
            [*self._params, value],
        )


async def watch(request: Request) -> Response:
    """GET /v1/alerts/stream"""
    services: Services = request.app.state.services
    look = await in_thread(Watch, services, dict(request.query_params), language(request))
    return lines(request, look.poll)
