"""Questions about files: what happened to one, where a content lies, what changed on a host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from server.api import hosts
from server.api.file_stays import PREVIOUS, Hash, place_of, stay_view, stays_of
from server.api.services import Services
from server.api.web import JSON, Ambiguous, ApiError, in_thread, integer, iso, moment
from server.store import file_query, files
from server.store.events import EventStore, StoredEvent
from server.store.query import EventQuery, Sql

MAX_ROWS = 100_000
_MAX_PATH = 5000
_MAX_SEEN = 20_000
"""Events with a hash that are looked at; the newest."""
_MAX_HASHES = 10
"""Hashes named when a prefix fits several."""
_HASH = re.compile(r"[0-9a-f]{8,64}")
_TOKEN = re.compile(r"[0-9a-f]{8,32}")
_KINDS = {
    "exposure.finding": "finding",
    "exposure.cleared": "cleared",
    "exposure.incomplete": "not scanned",
}


def _owner(fields: Mapping[str, Any]) -> str | None:
    ids = [str(fields[name]) for name in ("file.uid", "file.gid") if fields.get(name) is not None]
    return ":".join(ids) or None


def _state(event: StoredEvent) -> dict[str, Any]:
    fields = event.fields
    return {
        "action": _KINDS.get(event.kind) or fields.get("event.action") or event.kind,
        "sha256": fields.get("file.hash.sha256"),
        "size": fields.get("file.size"),
        "mode": fields.get("file.mode"),
        "owner": _owner(fields),
        "type": fields.get("file.type"),
    }


def _detail(fields: Mapping[str, Any]) -> str:
    """Return what the other columns have no place for, in a few words. Pure."""
    known = {
        "": fields.get("event.reason"),
        "mode was": fields.get("ronda.file.previous.mode"),
        "owner was": fields.get("ronda.file.previous.uid"),
        "leads to": fields.get("file.target_path"),
        "log": fields.get("ronda.file.growth"),
        "capabilities": fields.get("ronda.file.capabilities"),
        "access list": fields.get("ronda.file.acl"),
        "flags": fields.get("ronda.file.flags"),
    }
    parts = [f"{label} {value}".strip() for label, value in known.items() if value is not None]
    outcome = fields.get("ronda.file.outcome") or fields.get("ronda.scan.outcome")
    if outcome not in {None, "hashed", "gone", "found"}:
        parts.append(f"content {outcome}")
    if fields.get("ronda.data.types"):
        types = ", ".join(map(str, fields["ronda.data.types"]))
        parts.append(f"{fields.get('ronda.data.count')} of {types}")
        parts.append(
            f"score {fields.get('ronda.data.score')}, {fields.get('ronda.data.reachable')}"
        )
    return "; ".join(parts)


def _who(fields: Mapping[str, Any]) -> str | None:
    """Return who made a change, in a few words: program, user, login user, how sure. Pure."""
    parts = []
    if fields.get("process.executable") is not None:
        parts.append(str(fields["process.executable"]))
    user, login = fields.get("user.id"), fields.get("ronda.process.login")
    if user is not None:
        parts.append(f"uid {user}")
    if login is not None and login != user:
        parts.append(f"login {login}")
    sure = fields.get("ronda.process.confidence")
    if parts and sure not in {None, "kernel"}:
        parts.append(f"({sure})")
    return " ".join(parts) or None


def _why(fields: Mapping[str, Any]) -> str | None:
    """Return what explains a change: package, announced window, checkout. Pure."""
    package, window = fields.get("ronda.package.name"), fields.get("ronda.window.id")
    git = fields.get("ronda.file.git")
    parts = [
        f"{label} {value}"
        for label, value in (("package", package), ("window", window), ("git", git))
        if value is not None
    ]
    return ", ".join(parts) or None


def _meaning(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"role": fields.get("ronda.file.role"), "who": _who(fields), "why": _why(fields)}


def change_view(event: StoredEvent) -> dict[str, Any]:
    """Return the public form of an event about one file. Pure."""
    fields = event.fields
    return {
        "time": iso(event.observed),
        "host": event.host,
        "opd": event.opd,
        **_state(event),
        "found_by": fields.get("ronda.file.found_by") or fields.get("event.module"),
        "previous_sha256": fields.get(PREVIOUS),
        **_meaning(fields),
        "detail": _detail(fields),
        "diff": fields.get("ronda.file.diff"),
        "path": fields.get("file.path"),
        "token": fields.get("ronda.path.token"),
        "kind": event.kind,
        "agent": event.agent,
        "event": event.id,
    }


def _path(query: Mapping[str, str], name: str) -> str:
    path = query.get(name, "")
    if not path.startswith("/"):
        raise ApiError(f"{name} must be a whole path that begins with /")
    if len(path) > _MAX_PATH or "\0" in path:
        raise ApiError(f"{name} is no path")
    return path


def _hex(query: Mapping[str, str], name: str, form: re.Pattern[str], most: int) -> str:
    text = query.get(name, "").strip().lower().removeprefix("sha256:").lstrip("~")
    if not form.fullmatch(text):
        raise ApiError(f"{name} must be 8 to {most} of the characters 0-9 and a-f")
    return text


async def history(request: Request) -> Response:
    """GET /v1/files/history"""
    return JSON(await in_thread(_history, request.app.state.services, dict(request.query_params)))


def _history(services: Services, query: Mapping[str, str]) -> dict[str, Any]:
    limit = integer(query, "limit", 200, 1, MAX_ROWS)
    if ("file" in query) == ("token" in query):
        raise ApiError("say either the file or the token of a masked path")
    conditions: list[Sql] = [
        file_query.path_is(_path(query, "file"))
        if "file" in query
        else file_query.token_begins(_hex(query, "token", _TOKEN, 32))
    ]
    if query.get("host"):
        conditions.insert(0, file_query.on_host(query["host"]))
    question = file_query.Question(EventQuery(), tuple(conditions))
    with services.events() as store:
        since, until = moment(query, "since"), moment(query, "until")
        found = files.find(store, question, since, until, limit=limit)
    ordered = sorted(found.events, key=lambda one: (one.observed, one.agent, place_of(one)))
    return {
        "changes": [change_view(event) for event in ordered],
        "more": found.more,
        "stopped": found.stopped,
    }


async def where(request: Request) -> Response:
    """GET /v1/files/where"""
    return JSON(await in_thread(_where, request.app.state.services, dict(request.query_params)))


def _where(services: Services, query: Mapping[str, str]) -> dict[str, Any]:
    limit = integer(query, "limit", 200, 1, MAX_ROWS)
    prefix = _hex(query, "sha256", _HASH, 64)
    question = file_query.Question(EventQuery(), (file_query.hash_begins(prefix),))
    with services.events() as store:
        found = files.find(store, question, None, None, limit=_MAX_SEEN)
        hashes = stays_of(found.events, prefix)
        if len(hashes) > 1:
            named = ", ".join(f"{one.sha256} ({len(one.stays)})" for one in hashes[:_MAX_HASHES])
            rest = ", ..." if len(hashes) > _MAX_HASHES else ""
            raise Ambiguous(
                f"{len(hashes)} contents begin with {prefix}; say which (number of places): "
                f"{named}{rest}"
            )
        places = _followed(store, hashes[0]) if hashes else []
    known = {
        row["id"]: row["revoked"] is None
        for row in services.state.query("SELECT id, revoked FROM agent")
    }
    for place in places:
        if place["present"] == "yes" and not known.get(place["agent"]):
            place["present"] = "unknown"
    return {
        "places": places[:limit],
        "more": found.more or len(places) > limit,
        "stopped": found.stopped,
    }


def _followed(store: EventStore, content: Hash) -> list[dict[str, Any]]:
    """Return all places of *content*, the newest first, each ended by what came after it."""
    present = {key: stay for key, stay in content.stays.items() if stay.end is None}
    known: dict[tuple[str, str], files.Last] | None = {}
    if present:
        since = min(stay.last for stay in present.values())
        known = files.last_states(store, present, since, timeout=20.0)
    for key, stay in present.items():
        if known and key in known:
            stay.follow(known[key], content.sha256)
    newest = sorted(
        content.stays.values(), key=lambda stay: (stay.last, place_of(stay.event)), reverse=True
    )
    return [stay_view(content.sha256, stay, followed=known is not None) for stay in newest]


async def on_host(request: Request) -> Response:
    """GET /v1/hosts/{name}/files"""
    name = request.path_params["name"]
    query = dict(request.query_params)
    return JSON(await in_thread(_on_host, request.app.state.services, name, query))


def _on_host(services: Services, name: str, query: Mapping[str, str]) -> dict[str, Any]:
    limit = integer(query, "limit", 200, 1, MAX_ROWS)
    agent = hosts.find(services, name)
    ids = [agent["id"]]
    if name != agent["id"]:
        # A host that was enrolled again keeps its past.
        earlier = services.state.query(
            "SELECT id FROM agent WHERE host = ? AND opd = ? AND revoked IS NOT NULL",
            (agent["host"], agent["opd"]),
        )
        ids += [row["id"] for row in earlier if row["id"] not in ids]
    conditions = [Sql(f"agent IN ({', '.join('?' * len(ids))})", ids)]
    if "under" in query:
        conditions.append(file_query.path_under(_path(query, "under")))
    question = file_query.Question(EventQuery(), tuple(conditions))
    with services.events() as store:
        since, until = moment(query, "since"), moment(query, "until")
        found = files.changed_paths(store, question, since, until, limit=limit)
    paths = [
        {
            "last_change": iso(one.last),
            "host": one.event.host,
            "opd": one.event.opd,
            **one.counts,
            **_state(one.event),
            **_meaning(one.event.fields),
            "first_change": iso(one.first),
            "path": one.event.fields.get("file.path"),
            "token": one.event.fields.get("ronda.path.token"),
            "agent": one.event.agent,
            "event": one.event.id,
        }
        for one in found.paths
    ]
    return {"paths": paths, "more": found.more, "stopped": found.stopped}
