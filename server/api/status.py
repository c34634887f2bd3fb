"""GET /v1/status: measures, and lets `server.api.health` judge."""

from __future__ import annotations

import importlib.metadata
import json
import os
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from server.api import health
from server.api.hosts import state_of
from server.api.roles import running
from server.api.services import Services
from server.api.web import JSON, in_thread, iso
from server.store.events import Cursor

_DETECT = "detect"
"""Name of the detection's cursor."""


async def status(request: Request) -> Response:
    """GET /v1/status"""
    return JSON(await in_thread(measure, request.app.state.services))


def measure(services: Services) -> dict[str, Any]:
    """Return the state of the collector with all reasons why it is not healthy."""
    now = time.time_ns()
    agents = services.state.query("SELECT * FROM agent ORDER BY opd, host")
    roles = running(services.config.path)
    detection = _detection(services, now)
    outbox = _outbox(services, now)
    disk = _disk(services)
    facts = health.Facts(
        roles_down=[
            f"the role {name} is {state}; see: journalctl -u ronda-server"
            for name, state in roles.items()
            if state != "up"
        ],
        silent=[_name(agent) for agent in agents if state_of(agent) == "silent"],
        cloned=[_name(agent) for agent in agents if state_of(agent) == "cloned"],
        unhealthy=[_unwell(agent) for agent in agents if state_of(agent) == "unhealthy"],
        detection_lag=detection["lag_seconds"],
        detection_events=detection["events_behind"],
        outbox_failed=outbox.pop("failing"),
        outbox_overdue=outbox.pop("overdue_seconds"),
        disk_percent=disk["percent"],
        disk_warn=services.config.store.warn_percent,
        disk_stop=services.config.store.stop_percent,
        rule_errors=_rule_errors(services),
    )
    found = health.problems(facts)
    return {
        "healthy": not found,
        "problems": found,
        "version": importlib.metadata.version("ronda"),
        "now": iso(now),
        "started": iso(services.started),
        "roles": roles,
        "agents": _counted(agents),
        "alerts": _alerts(services),
        "detection": detection,
        "outbox": outbox,
        "disk": disk,
    }


def _name(agent: dict[str, Any]) -> str:
    since = agent["silent_since"] or agent["last_seen"]
    last = f", last seen {iso(since)}" if since else ""
    return f"{agent['host']} ({agent['opd']}){last}"


def _unwell(agent: dict[str, Any]) -> str:
    reasons = "; ".join(map(str, json.loads(agent["problems"]))) or "not healthy"
    return f"{agent['host']} ({agent['opd']}): {reasons}"


def _counted(agents: list[dict[str, Any]]) -> dict[str, int]:
    states = [state_of(agent) for agent in agents]
    names = ("ok", "unhealthy", "silent", "cloned", "never seen", "revoked")
    return {name: states.count(name) for name in names}


def _alerts(services: Services) -> dict[str, int]:
    rows = services.state.query(
        "SELECT level, count(*) AS n FROM alert WHERE status <> 'closed' GROUP BY level"
    )
    counts = {row["level"]: row["n"] for row in rows}
    return {
        level: counts.get(level, 0)
        for level in ("critical", "high", "medium", "low", "informational")
    }


def _detection(services: Services, now: int) -> dict[str, Any]:
    """Measure how far detection is behind the newest arrival."""
    rows = services.state.query("SELECT day, row FROM cursor WHERE name = ?", (_DETECT,))
    reached = Cursor(rows[0]["day"], rows[0]["row"]) if rows else None
    with services.events() as store:
        end = store.end()
        waiting = store.read(reached, 1) if end is not None and end != reached else []
    if not waiting or end is None:
        return {"lag_seconds": 0.0, "events_behind": 0}
    # Rows of one day are numbered without holes; over midnight this is a lower bound.
    behind = end.row - reached.row if reached and reached.day == end.day else end.row
    lag = max(0.0, (now - waiting[0].received) / 1e9)
    return {"lag_seconds": round(lag, 3), "events_behind": max(1, behind)}


def _outbox(services: Services, now: int) -> dict[str, Any]:
    state = services.state
    counts = state.query("SELECT status, count(*) AS n FROM outbox GROUP BY status")
    number = {row["status"]: row["n"] for row in counts}
    oldest = state.query("SELECT min(due) AS due FROM outbox WHERE status = 'pending'")[0]["due"]
    return {
        "channels": len(services.config.notify.channels),
        "pending": number.get("pending", 0),
        "failed": number.get("failed", 0),
        "failing": failing(services),
        "overdue_seconds": max(0.0, (now - oldest) / 1e9) if oldest is not None else 0.0,
    }


def failing(services: Services) -> list[str]:
    """Return the channels that have had no success since their last failure, with the error."""
    configured = {channel.name for channel in services.config.notify.channels}
    rows = services.state.query(
        "SELECT channel, max(id) AS id, error FROM outbox AS o"
        " WHERE error <> '' AND status IN ('pending', 'failed') AND NOT EXISTS"
        " (SELECT 1 FROM outbox AS later WHERE later.channel = o.channel"
        "  AND later.status = 'delivered' AND later.id > o.id)"
        " GROUP BY channel ORDER BY channel"
    )
    return [f"{row['channel']}: {row['error']}" for row in rows if row["channel"] in configured]


def _disk(services: Services) -> dict[str, Any]:
    usage = os.statvfs(services.config.state_dir)
    total = usage.f_blocks * usage.f_frsize
    used = total - usage.f_bfree * usage.f_frsize
    free = usage.f_bavail * usage.f_frsize
    # As df computes it: what only root may use does not count as room.
    percent = 100 * used / (used + free) if used + free else 100.0
    return {"percent": round(percent, 1), "free_bytes": free}


def _rule_errors(services: Services) -> list[str]:
    rows = services.state.query("SELECT source, error FROM rule WHERE error <> '' ORDER BY source")
    return [f"{row['source']}: {row['error']}" for row in rows]
