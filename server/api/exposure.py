"""Exposures: which files hold sensitive data, all about one, and the same values elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from server.alerts import exposure_text, render
from server.alerts.catalog import translate
from server.alerts.model import LEVELS
from server.api.alerts import language
from server.api.exposure_overlap import GROUPS, SKETCH, Pair, Side, overlaps
from server.api.hosts import require_known
from server.api.services import Services
from server.api.web import JSON, Ambiguous, ApiError, NoSuchThing, in_thread, integer, iso, one_of
from server.store import exposures, file_query
from server.store.exposures import Exposure
from server.store.query import Sql
from server.store.stored import StoredEvent

MAX_ROWS = 100_000
_MOST_COMPARED = 20_000
"""Exposures whose tokens are compared; the gravest."""
_SAMPLES = 3
_DETAILS = {
    "format": "ronda.data.format",
    "url_path": "url.path",
    "url": "url.full",
    "served": "ronda.web.served",
    "size": "file.size",
    "scanned": "ronda.scan.bytes",
    "outcome": "ronda.scan.outcome",
    "mode": "file.mode",
    "owner": "file.uid",
    "sha256": "file.hash.sha256",
    "canaries": "ronda.data.canaries",
    "confirmed": "ronda.data.confirmed",
    "registers": "ronda.data.registers",
    "parts": "ronda.data.parts",
    "unread": "ronda.scan.unread",
}
_TALLY = ("type", "count", "distinct", "exact", "about", "confidence", "column")


def level_of(severity: int) -> str:
    """Return the level of a severity; the highest for one from a newer agent. Pure."""
    return LEVELS[max(0, min(severity, len(LEVELS) - 1))]


def _tallies(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = fields.get("ronda.data.tallies")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def view(one: Exposure, event: StoredEvent, present: str) -> dict[str, Any]:
    """Return the public form of an exposure with its last finding. Pure."""
    fields = event.fields
    tallies = _tallies(fields)
    return {
        "id": one.id,
        "level": level_of(one.severity),
        "present": present,
        "host": one.host,
        "opd": one.opd,
        "reachable": fields.get("ronda.data.reachable"),
        "types": list(one.types),
        "count": _number(fields.get("ronda.data.count")),
        "distinct": max((_number(tally.get("distinct")) for tally in tallies), default=0),
        "exact": all(tally.get("exact", True) is True for tally in tallies),
        "registered": _number(fields.get("ronda.data.registered")),
        "score": _number(fields.get("ronda.data.score")),
        "first_seen": iso(one.first),
        "last_seen": iso(one.last),
        "ended": iso(one.ended),
        "end": one.end,
        "path": one.path,
        "token": one.token,
        "agent": one.agent,
        "event": event.id,
    }


def _conditions(query: Mapping[str, str]) -> list[Sql]:
    conditions = []
    if host := query.get("host"):
        conditions.append(file_query.on_host(host))
    if opd := query.get("opd"):
        conditions.append(Sql("opd = ? COLLATE NOCASE", [opd]))
    return conditions


def _wanted(query: Mapping[str, str], found: Iterable[Exposure]) -> list[Exposure]:
    """Return those of *found* that the filters in *query* mean. Pure.

    Raises:
        ApiError: a filter has a wrong value.
    """
    level = LEVELS.index(one_of(query, "level", LEVELS, LEVELS[0]))
    everything = integer(query, "all", 0, 0, 1) == 1
    type_ = query.get("type", "").lower()
    return [
        one
        for one in found
        if LEVELS.index(level_of(one.severity)) >= level
        and (everything or one.present != "no")
        and (not type_ or type_ in one.types)
    ]


def presences(services: Services, found: Iterable[Exposure]) -> dict[str, str]:
    """Return, by id, whether each file is still there; unknown when its agent is locked out."""
    rows = services.state.query("SELECT id FROM agent WHERE revoked IS NULL")
    alive = {row["id"] for row in rows}
    return {
        one.id: "unknown" if one.present == "yes" and one.agent not in alive else one.present
        for one in found
    }


async def list_exposures(request: Request) -> Response:
    """GET /v1/exposure"""
    return JSON(await in_thread(_list, request.app.state.services, dict(request.query_params)))


def _list(services: Services, query: Mapping[str, str]) -> dict[str, Any]:
    limit = integer(query, "limit", 200, 1, MAX_ROWS)
    by = one_of(query, "by", tuple(GROUPS), "file")
    with services.events() as store:
        known = exposures.known(store, _conditions(query))
        wanted = _wanted(query, known.exposures)
        if not wanted:
            require_known(services, query)
        chosen = wanted[:limit] if by == "file" else wanted
        present = presences(services, chosen)
        rows = {
            one.id: view(one, event, present[one.id])
            for one, event in exposures.with_findings(store, chosen)
        }
    ordered = [rows[one.id] for one in chosen if one.id in rows]
    if by != "file":
        groups = grouped(ordered, by)
        return {"groups": groups[:limit], "more": len(groups) > limit, "stopped": known.stopped}
    return {"exposures": ordered, "more": len(wanted) > limit, "stopped": known.stopped}


def grouped(rows: Sequence[Mapping[str, Any]], by: str) -> list[dict[str, Any]]:
    """Return *rows* (`view`) summed up for each host or OPD, the gravest first. Pure."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[str(row["opd"]), str(row["host"]) if by == "host" else ""].append(row)
    return sorted(
        (_group(opd, host, files) for (opd, host), files in groups.items()),
        key=lambda group: (-LEVELS.index(group["level"]), -group["count"], group["opd"]),
    )


def _group(opd: str, host: str, files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    levels = [str(row["level"]) for row in files]
    return {
        "level": max(levels, key=LEVELS.index),
        "opd": opd,
        **({"host": host} if host else {"hosts": len({row["host"] for row in files})}),
        "files": len(files),
        "critical": levels.count("critical"),
        "high": levels.count("high"),
        "still_there": sum(row["present"] != "no" for row in files),
        "in_web_root": sum(row["reachable"] == "web_root" for row in files),
        "types": sorted({type_ for row in files for type_ in row["types"]}),
        "count": sum(row["count"] for row in files),
        "first_seen": min(row["first_seen"] or "" for row in files),
        "last_seen": max(row["last_seen"] or "" for row in files),
    }


def find(found: Sequence[Exposure], name: str) -> Exposure:
    """Return the exposure whose id begins with *name*. Pure.

    Raises:
        ApiError: there is none, or more than one.
    """
    prefix = name.strip().lower()
    if len(prefix) < 4 or not set(prefix) <= set("0123456789abcdef"):
        raise ApiError("an id has 12 of the characters 0-9 and a-f; 4 of them are enough")
    fitting = [one for one in found if one.id.startswith(prefix)]
    if not fitting:
        raise NoSuchThing(f"there is no exposure {prefix}; see: ronda exposure list --all")
    if len(fitting) > 1:
        names = ", ".join(one.id for one in fitting[:10])
        raise Ambiguous(f"{len(fitting)} exposures begin with {prefix}: {names}")
    return fitting[0]


async def show(request: Request) -> Response:
    """GET /v1/exposure/{id}"""
    services: Services = request.app.state.services
    return JSON(await in_thread(_show, services, request.path_params["id"], language(request)))


def _show(services: Services, name: str, lang: str) -> dict[str, Any]:
    with services.events() as store:
        known = exposures.known(store)
        one = find(known.exposures, name)
        events = [event for _, event in exposures.with_findings(store, [one])]
    if not events:
        raise NoSuchThing(f"the events of exposure {one.id} are no longer kept")
    alerts = services.state.query(
        "SELECT id, level, status FROM alert WHERE agent = ? AND entity = ?"
        " ORDER BY id DESC LIMIT 20",
        (one.agent, one.path),
    )
    present = presences(services, [one])[one.id]
    return {**details(one, events[0], present, lang), "alerts": alerts}


def details(one: Exposure, event: StoredEvent, present: str, lang: str) -> dict[str, Any]:
    """Return all evidence of one exposure, in *lang*. Pure."""
    fields = event.fields
    shown = view(one, event, present)
    told = fields.get("ronda.data.reasons")
    keys = [str(key) for key in told] if isinstance(told, list) else []
    reachable = str(fields.get("ronda.data.reachable", "unknown"))
    return {
        **shown,
        "language": lang,
        "evidence": [_evidence(tally, lang) for tally in _tallies(fields)],
        "reason_keys": keys,
        "reasons": exposure_text.reasons(keys, lang),
        "reach": translate(render.WORDS.get(reachable, reachable), lang),
        "next_steps": exposure_text.next_steps(one.id, reachable, one.types, keys, lang),
        **{name: fields.get(field) for name, field in _DETAILS.items()},
        "mtime": iso(mtime) if isinstance(mtime := fields.get("file.mtime"), int) else None,
    }


def _evidence(tally: Mapping[str, Any], lang: str) -> dict[str, Any]:
    samples = tally.get("samples")
    known = render.TYPES.get(str(tally.get("type")), str(tally.get("type")))
    return {
        **{name: tally.get(name) for name in _TALLY},
        "exact": tally.get("exact", True),
        "name": translate(known, lang),
        "registered": tally.get("registered"),
        "samples": [str(one) for one in samples[:_SAMPLES]] if isinstance(samples, list) else [],
    }


async def overlap(request: Request) -> Response:
    """GET /v1/exposure/overlap"""
    return JSON(await in_thread(_overlap, request.app.state.services, dict(request.query_params)))


def _overlap(services: Services, query: Mapping[str, str]) -> dict[str, Any]:
    limit = integer(query, "limit", 200, 1, MAX_ROWS)
    by = one_of(query, "by", tuple(GROUPS), "opd")
    with services.events() as store:
        known = exposures.known(store)
        about = None
        if query.get("id"):
            about = [find(known.exposures, query["id"]).id]
        elif query.get("host") or query.get("opd"):
            about = [one.id for one in exposures.known(store, _conditions(query)).exposures]
        # Without the filters for one side: the other may be anywhere.
        rest = {name: value for name, value in query.items() if name not in {"host", "opd"}}
        wanted = _wanted(rest, known.exposures)
        sides = [
            side
            for one, event in exposures.with_findings(store, wanted[:_MOST_COMPARED])
            for side in _sides(one, event, query.get("type", "").lower())
        ]
    found = overlaps(sides, by, about)
    if not found.pairs:
        require_known(services, query)
    return {
        "overlaps": [pair_view(pair, count, by) for pair, count in found.pairs[:limit]],
        "more": len(found.pairs) > limit,
        "stopped": known.stopped or found.stopped or len(wanted) > _MOST_COMPARED,
        "skipped": found.skipped,
    }


def _sides(one: Exposure, event: StoredEvent, type_: str) -> Iterable[Side]:
    for tally in _tallies(event.fields):
        tokens = tally.get("tokens")
        name = str(tally.get("type"))
        if isinstance(tokens, list) and tokens and type_ in ("", name):
            kept = frozenset(str(token) for token in tokens[:SKETCH])
            distinct = max(_number(tally.get("distinct")), len(kept))
            yield Side(one.id, one.host, one.opd, one.path, name, distinct, kept)


def pair_view(pair: Pair, count: int, by: str) -> dict[str, Any]:
    """Return the public form of an overlap. Pure."""
    left, right = pair.left, pair.right
    return {
        "type": left.type,
        "shared": pair.shared,
        "estimate": pair.estimate,
        "error": pair.error,
        "exact": pair.exact,
        "by": by,
        "pairs": count,
        **{
            f"{name}_{key}": value
            for name, side in (("left", left), ("right", right))
            for key, value in side._asdict().items()
            if key not in {"tokens", "type"}
        },
    }
