"""Canaries: made, listed, retired. Their values are told once and kept nowhere."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from collectors.knowledge import MAX_CANARIES
from server.api.hosts import known_opd
from server.api.services import Services
from server.api.web import (
    JSON,
    ApiError,
    Conflict,
    NoSuchThing,
    body,
    in_thread,
    integer,
    iso,
    text,
)
from server.fleet import canaries
from server.store.file_query import escaped

_MOST_PLACES = 20
_ALERTS = "SELECT fields FROM alert WHERE rule = '6a0f4a0b-92c2-5d1e-8f3b-3d4d4f4a7c11'"
_ID = re.compile(r'"(c[0-9a-f]{10})"')


def places_of(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the places in a request as host and path. Pure.

    Raises:
        ApiError: one has another form than ``HOST:/path``.
    """
    given = values.get("planted_at") or []
    if not isinstance(given, list) or len(given) > _MOST_PLACES:
        raise ApiError(f"planted_at must be a list of at most {_MOST_PLACES} places")
    found = []
    for one in given:
        host, _, path = str(one).partition(":")
        if not host or not path.startswith("/") or len(path) > 4096 or "\0" in path:
            raise ApiError("a place is HOST:/path; with / at its end all below it")
        if any(0xD800 <= ord(character) <= 0xDFFF for character in host):
            raise ApiError("the name of the host is no text")
        # As agents report it: a byte that is not UTF-8 stands there in words.
        found.append((host.lower(), path if path.isprintable() else escaped(path)))
    return found


async def create(request: Request) -> Response:
    """POST /v1/canaries"""
    services: Services = request.app.state.services
    values = await body(request)
    places = places_of(values)
    wanted = {
        "opd": text(values, "opd", most=200),
        "kind": text(values, "kind", default="nik", most=20),
        "note": text(values, "note", default="", most=300),
        "regency": text(values, "regency", default=canaries.DEFAULT_REGENCY, most=4),
    }
    actor: str = request.state.actor
    return JSON(await in_thread(_create, services, wanted, places, actor))


def _create(
    services: Services, wanted: dict[str, str], places: list[tuple[str, str]], actor: str
) -> dict[str, Any]:
    try:
        key = (services.config.state_dir / "fleet.key").read_bytes()
    except OSError as error:
        raise Conflict(f"the fleet key cannot be read: {error.strerror}") from error
    try:
        made = canaries.make(wanted["kind"], key, wanted["regency"])
    except ValueError as error:
        raise ApiError(str(error)) from None
    now = time.time_ns()
    state = services.state
    marks = msgspec.json.encode(made.marks).decode()
    with state.transaction():
        used = state.query("SELECT count(*) AS n FROM canary WHERE retired IS NULL")[0]["n"]
        if used >= MAX_CANARIES:
            raise Conflict(f"there are {used} canaries already; retire some")
        state.execute(
            "INSERT INTO canary (id, opd, kind, note, marks, shown, created, created_by)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (made.id, wanted["opd"], made.kind, wanted["note"], marks, made.shown, now, actor),
        )
        for host, path in places:
            state.execute(
                "INSERT OR IGNORE INTO canary_place VALUES (?, ?, ?)", (made.id, host, path)
            )
        services.audit(actor, "canary.create", made.id, f"opd {wanted['opd']}, {made.kind}")
    return {
        "id": made.id,
        "opd": wanted["opd"],
        "kind": made.kind,
        "note": wanted["note"],
        "planted_at": [f"{host}:{path}" for host, path in places],
        "forms": made.forms,
        "opd_known": known_opd(services, wanted["opd"]),
    }


async def list_canaries(request: Request) -> Response:
    """GET /v1/canaries"""
    services: Services = request.app.state.services
    return JSON(await in_thread(_list, services, dict(request.query_params)))


def _list(services: Services, query: dict[str, str]) -> dict[str, Any]:
    everything = integer(query, "all", 0, 0, 1) == 1
    condition = "1" if everything else "retired IS NULL"
    places: dict[str, list[str]] = {}
    for row in services.state.query("SELECT * FROM canary_place ORDER BY host, path"):
        places.setdefault(row["canary"], []).append(f"{row['host']}:{row['path']}")
    alerts = Counter(
        name
        for row in services.state.query(_ALERTS)
        for name in set(_ID.findall(str(row["fields"])))
    )
    rows = services.state.query(
        f"SELECT * FROM canary WHERE {condition} ORDER BY created DESC LIMIT 5000"  # noqa: S608
    )
    return {
        "canaries": [
            {
                "id": row["id"],
                "opd": row["opd"],
                "kind": row["kind"],
                "shown": row["shown"],
                "note": row["note"],
                "planted_at": places.get(row["id"], []),
                "alerts": alerts[row["id"]],
                "created": iso(row["created"]),
                "created_by": row["created_by"],
                "retired": iso(row["retired"]),
                "values": len(json.loads(row["marks"])),
            }
            for row in rows
            if query.get("opd", row["opd"]).lower() == row["opd"].lower()
        ]
    }


async def retire(request: Request) -> Response:
    """POST /v1/canaries/{id}/retire"""
    services: Services = request.app.state.services
    name = request.path_params["id"]
    return JSON(await in_thread(_retire, services, name, request.state.actor))


def _retire(services: Services, name: str, actor: str) -> dict[str, Any]:
    state = services.state
    with state.transaction():
        rows = state.query("SELECT retired FROM canary WHERE id = ?", (name,))
        if not rows:
            raise NoSuchThing(f"there is no canary {name[:40]}; see: ronda canary list")
        if rows[0]["retired"] is not None:
            raise Conflict(f"canary {name} is retired already")
        now = time.time_ns()
        state.execute("UPDATE canary SET retired = ? WHERE id = ?", (now, name))
        services.audit(actor, "canary.retire", name)
    return {"id": name, "retired": iso(now)}
