"""Web applications: which there are, who owns them, and which nobody looks after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from server.api.services import Services
from server.api.web import JSON, in_thread, integer, iso, one_of

MAX_ROWS = 100_000
STATES = ("active", "dormant", "deactivated", "off")
_ROWS = (
    "SELECT application.*, agent.revoked FROM application"
    " LEFT JOIN agent ON agent.id = application.agent WHERE agent.revoked IS NULL"
)


def view(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the public form of a row. Pure."""
    facts = json.loads(row["fields"])
    changed = facts.pop("changed", None)
    return {
        "id": row["application"],
        "state": row["state"],
        "names": facts.pop("names", []),
        "host": row["host"],
        "opd": facts.pop("owner", None) or row["opd"],
        "host_opd": row["opd"],
        "changed": iso(changed) if isinstance(changed, int) and 0 < changed < 2**63 else None,
        "told": iso(row["told"]),
        **facts,
        "agent": row["agent"],
        "event": row["event"],
    }


def rank(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what sorts the neglected first, the longest neglected of them at the top. Pure."""
    order = ("deactivated", "dormant", "active", "off")
    state = order.index(row["state"]) if row["state"] in order else len(order)
    return state, row["changed"] or "9", row["opd"], row["host"], row["names"]


async def list_applications(request: Request) -> Response:
    """GET /v1/applications"""
    query = request.query_params
    wanted = one_of(query, "state", ("", *STATES), "")
    limit = integer(query, "limit", 10_000, 1, MAX_ROWS)
    opd, host = query.get("opd"), query.get("host")
    found = await in_thread(_rows, request.app.state.services, opd, host, wanted)
    return JSON({"applications": found[:limit], "more": len(found) > limit})


def _rows(
    services: Services, opd: str | None, host: str | None, state: str
) -> list[dict[str, Any]]:
    rows = [view(row) for row in services.state.query(_ROWS)]
    kept = [
        row
        for row in rows
        if (opd is None or opd.casefold() in (row["opd"].casefold(), row["host_opd"].casefold()))
        and (host is None or host.casefold() in (row["host"].casefold(), row["agent"]))
        and state in ("", row["state"])
    ]
    return sorted(kept, key=rank)
