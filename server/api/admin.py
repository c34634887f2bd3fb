"""Enrolment tokens, notifications and rules."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from server.alerts.catalog import translate
from server.api.alerts import language
from server.api.services import Services
from server.api.web import JSON, ApiError, Conflict, NoSuchThing, body, in_thread, iso, text
from server.fleet import tokens
from server.notify import send_test

MAX_TTL = 30 * 86400
"""Seconds: an enrolment string that is good for longer is a password lying about."""


async def make_token(request: Request) -> Response:
    """POST /v1/enroll/tokens"""
    services: Services = request.app.state.services
    values = await body(request)
    opd = text(values, "opd", most=200)
    host = text(values, "host", default="", most=253) or None
    ttl = values.get("ttl", 86400)
    if not isinstance(ttl, int) or not 60 <= ttl <= MAX_TTL:
        raise ApiError("ttl must be from 60 seconds to 30 days")
    return JSON(await in_thread(_make_token, services, opd, host, ttl, request.state.actor))


def _make_token(
    services: Services, opd: str, host: str | None, ttl: int, actor: str
) -> dict[str, Any]:
    # cryptography is loaded by the first token, not by every start.
    from server.fleet.ca import Authority

    try:
        authority = Authority.load(services.config.ca_dir)
    except (OSError, ValueError) as error:
        raise Conflict(f"the certificate authority cannot be used: {error}") from error
    now = time.time_ns()
    try:
        token = tokens.create(
            services.state,
            url=services.config.enroll_url,
            fingerprint=authority.fingerprint,
            opd=opd,
            host=host,
            ttl=ttl,
            by=actor,
            now=now,
        )
    except ValueError as error:
        raise ApiError(str(error)) from error
    return {"token": token, "opd": opd, "host": host, "expires": iso(now + ttl * 10**9)}


async def list_tokens(request: Request) -> Response:
    """GET /v1/enroll/tokens"""
    services: Services = request.app.state.services
    rows = await in_thread(
        services.state.query, "SELECT * FROM token ORDER BY created DESC LIMIT 1000"
    )
    now = time.time_ns()
    return JSON({"tokens": [token_view(row, now) for row in rows]})


def token_view(row: dict[str, Any], now: int) -> dict[str, Any]:
    """Return the public form of a token's row: never its hash. Pure."""
    unused = "open" if row["expires"] > now else "expired"
    return {
        "created": iso(row["created"]),
        "created_by": row["created_by"],
        "opd": row["opd"],
        "host": row["host"],
        "expires": iso(row["expires"]),
        "state": unused if row["used"] is None else "used",
        "used": iso(row["used"]),
        "used_by": row["used_by"],
    }


async def notify_status(request: Request) -> Response:
    """GET /v1/notify"""
    return JSON(await in_thread(_notify_status, request.app.state.services))


def _notify_status(services: Services) -> dict[str, Any]:
    names = [channel.name for channel in services.config.notify.channels]
    return {"channels": [_channel(services, name) for name in names]}


def _channel(services: Services, name: str) -> dict[str, Any]:
    row = services.state.query(
        "SELECT"
        " coalesce(sum(status = 'pending'), 0) AS pending,"
        " coalesce(sum(status = 'pending' AND error <> ''), 0) AS retrying,"
        " coalesce(sum(status = 'delivered'), 0) AS delivered,"
        " coalesce(sum(status = 'failed'), 0) AS failed,"
        " max(delivered) AS last_delivered"
        " FROM outbox WHERE channel = ?",
        (name,),
    )[0]
    errors = services.state.query(
        "SELECT error FROM outbox WHERE channel = ? AND error <> '' ORDER BY id DESC LIMIT 1",
        (name,),
    )
    return {
        "channel": name,
        **row,
        "last_delivered": iso(row["last_delivered"]),
        "error": errors[0]["error"] if errors else "",
    }


async def notify_test(request: Request) -> Response:
    """POST /v1/notify/test"""
    services: Services = request.app.state.services
    channel = text(await body(request), "channel", default="") or None
    names = [item.name for item in services.config.notify.channels]
    if channel is not None and channel not in names:
        known = ", ".join(names) or "none"
        raise NoSuchThing(f"there is no channel {channel!r}; configured: {known}")
    services.audit(request.state.actor, "notify.test", channel or "all")
    return JSON({"results": await in_thread(_notify_test, services, channel)})


def _notify_test(services: Services, channel: str | None) -> list[dict[str, Any]]:
    return [
        {"channel": name, "ok": ok, "error": error}
        for name, ok, error in send_test(services.config, channel)
    ]


async def list_rules(request: Request) -> Response:
    """GET /v1/rules"""
    services: Services = request.app.state.services
    rows = await in_thread(services.state.query, "SELECT * FROM rule ORDER BY title, id")
    lang = language(request)
    return JSON({"rules": [rule_view(row, lang) for row in rows]})


def rule_view(row: dict[str, Any], lang: str) -> dict[str, Any]:
    """Return the public form of a rule's row, its title in *lang*."""
    cost = row["cost_ns"] / row["events"] / 1000 if row["events"] else None
    return {
        "id": row["id"],
        "title": translate(row["title"], lang),
        "level": row["level"],
        "stage": row["stage"],
        "version": row["version"],
        "source": row["source"],
        "hits": row["hits"],
        "last_hit": iso(row["last_hit"]),
        "events": row["events"],
        "cost_us": round(cost, 3) if cost is not None else None,
        "error": row["error"],
    }
