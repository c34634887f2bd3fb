"""Hosts: the registry of agents, and what the ledger says about each."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from server.api.delivery import epoch_view
from server.api.services import Services
from server.api.web import JSON, Ambiguous, NoSuchThing, body, in_thread, integer, iso, text
from server.fleet import agents
from server.ledger import Ledger


def state_of(agent: Mapping[str, Any]) -> str:
    """Return the state of an agent's row in one word, the gravest first. Pure."""
    if agent["revoked"] is not None:
        return "revoked"
    if agent["cloned"]:
        return "cloned"
    if agent["last_seen"] is None:
        return "never seen"
    if agent["silent_since"] is not None:
        return "silent"
    return "ok" if agent["healthy"] else "unhealthy"


def view(agent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the public form of an agent's row. Pure."""
    return {
        "host": agent["host"],
        "opd": agent["opd"],
        "state": state_of(agent),
        "last_seen": iso(agent["last_seen"]),
        "silent_since": iso(agent["silent_since"]),
        "pending": agent["pending"],
        "version": agent["version"],
        "address": agent["address"],
        "agent": agent["id"],
        "epoch": agent["epoch"],
        "enrolled": iso(agent["enrolled"]),
        "revoked": iso(agent["revoked"]),
        "skew": agent["skew"],
        "problems": json.loads(agent["problems"]),
        "coverage": json.loads(agent["coverage"]),
    }


def find(services: Services, name: str) -> dict[str, Any]:
    """Return the row of the agent with id or host name *name*.

    Of several agents on one host name (a host that was enrolled again) the only one that is not
    revoked is meant.

    Raises:
        NoSuchThing: none.
        Ambiguous: several.
    """
    rows = services.state.query(
        "SELECT * FROM agent WHERE id = ? OR host = ? COLLATE NOCASE ORDER BY enrolled DESC",
        (name, name),
    )
    if not rows:
        raise NoSuchThing(f"there is no host or agent {name!r}; see: ronda hosts list --all")
    living = [row for row in rows if row["revoked"] is None]
    if len(living) > 1:
        ids = ", ".join(f"{row['id']} ({row['opd']})" for row in living)
        raise Ambiguous(f"several agents are named {name!r}; say which by its id: {ids}")
    return (living or rows)[0]


def require_known(services: Services, query: Mapping[str, str]) -> None:
    """Check the filters ``host`` and ``opd`` of a query that found nothing.

    Raises:
        NoSuchThing: there is no such host or OPD: the answer is not "nothing", the name is wrong.
    """
    if host := query.get("host"):
        rows = services.state.query(
            "SELECT 1 FROM agent WHERE id = ? OR host = ? COLLATE NOCASE LIMIT 1", (host, host)
        )
        if not rows:
            raise NoSuchThing(f"there is no host or agent {host!r}; see: ronda hosts list --all")
    if (opd := query.get("opd")) and not known_opd(services, opd):
        raise NoSuchThing(f"no host of an OPD {opd!r} is enrolled; see: ronda hosts list --all")


def known_opd(services: Services, opd: str) -> bool:
    """Say whether some host belongs, or belonged, to *opd*."""
    found = services.state.query("SELECT 1 FROM agent WHERE opd = ? COLLATE NOCASE LIMIT 1", (opd,))
    return bool(found)


async def list_hosts(request: Request) -> Response:
    """GET /v1/hosts"""
    services: Services = request.app.state.services
    opd = request.query_params.get("opd")
    everything = integer(request.query_params, "all", 0, 0, 1)
    rows = await in_thread(
        services.state.query,
        "SELECT * FROM agent WHERE (? OR revoked IS NULL) AND (? IS NULL OR opd = ?)"
        " ORDER BY opd, host, enrolled",
        (everything, opd, opd),
    )
    return JSON({"hosts": [view(row) for row in rows]})


async def show_host(request: Request) -> Response:
    """GET /v1/hosts/{name}"""
    return JSON(await in_thread(_details, request.app.state.services, request.path_params["name"]))


def _details(services: Services, name: str) -> dict[str, Any]:
    agent = find(services, name)
    alerts = services.state.query(
        "SELECT count(*) AS n FROM alert WHERE agent = ? AND status <> 'closed'", (agent["id"],)
    )
    certificates = services.state.query(
        "SELECT serial, not_before, not_after, revoked, reason FROM certificate WHERE agent = ?"
        " ORDER BY not_after DESC",
        (agent["id"],),
    )
    times = ("not_before", "not_after", "revoked")
    shown = [{**row, **{name: iso(row[name]) for name in times}} for row in certificates]
    valid = [row["not_after"] for row in shown if row["revoked"] is None]
    return {
        **view(agent),
        "alerts": alerts[0]["n"],
        "certificate_until": valid[0] if valid else None,
        "certificates": shown,
    }


async def revoke_host(request: Request) -> Response:
    """POST /v1/hosts/{name}/revoke"""
    services: Services = request.app.state.services
    reason = text(await body(request), "reason", default="")
    name = request.path_params["name"]
    return JSON(await in_thread(_revoke, services, name, request.state.actor, reason))


def _revoke(services: Services, name: str, actor: str, reason: str) -> dict[str, Any]:
    agent = find(services, name)["id"]
    agents.revoke(services.state, agent, by=actor, reason=reason, now=time.time_ns())
    return view(find(services, agent))


async def delivery(request: Request) -> Response:
    """GET /v1/delivery"""
    services: Services = request.app.state.services
    return JSON(await in_thread(_delivery, services, request.query_params.get("host")))


def _delivery(services: Services, host: str | None) -> dict[str, Any]:
    only = find(services, host)["id"] if host else None
    rows = services.state.query("SELECT * FROM agent")
    known = {row["id"]: row for row in rows}
    assigned = agents.assigned(services.state)
    ledger = Ledger.load(services.ranges())
    reports = [
        epoch_view(report, known.get(report.agent))
        for report in ledger.report(assigned)
        if only is None or report.agent == only
    ]
    return {
        "now": iso(time.time_ns()),
        "epochs": reports,
        "explained": not any(report["lost"] for report in reports),
    }
