"""Questions about the network: what a host talked to, what was found, whose data left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from server.alerts.model import LEVELS
from server.api.exposure import level_of
from server.api.exposure_overlap import SKETCH, Pair, Side, compare
from server.api.services import Services
from server.api.web import JSON, ApiError, in_thread, integer, iso, moment, one_of
from server.store import exposures, file_query, files, network_query
from server.store.events import EventStore, StoredEvent
from server.store.file_query import Question
from server.store.query import EventQuery, Sql

MAX_ROWS = 100_000
_MAX_FLOWS = 50_000
"""Records of flows that are added up; the newest."""
_MAX_CONTENT = 2_000
"""Findings of content that are compared with files; the newest."""
_MAX_FILES = 20_000
_NAMES = 20


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _conditions(query: Mapping[str, str], kinds: tuple[str, ...]) -> tuple[Sql, ...]:
    """Return what *query* asks for.

    Raises:
        ApiError: a filter has a wrong value.
    """
    found = [network_query.of_kinds(kinds)]
    if host := query.get("host"):
        found.append(file_query.on_host(host))
    if opd := query.get("opd"):
        found.append(Sql("opd = ? COLLATE NOCASE", [opd]))
    if query.get("peer"):
        found.append(network_query.with_peer(_peer(query["peer"])))
    if query.get("port"):
        found.append(network_query.with_port(integer(query, "port", 0, 0, 65_535)))
    if query.get("level"):
        level = LEVELS.index(one_of(query, "level", LEVELS, LEVELS[0]))
        found.append(network_query.at_least(level))
    return tuple(found)


def _peer(text: str) -> str:
    peer = network_query.canonical(text)
    if peer is None:
        raise ApiError("a peer is an address or a name")
    return peer


def _found(
    store: EventStore, query: Mapping[str, str], kinds: tuple[str, ...], limit: int
) -> files.Found:
    question = Question(EventQuery(), _conditions(query, kinds))
    since, until = moment(query, "since"), moment(query, "until")
    return files.find(store, question, since, until, limit=limit)


def flow_view(event: StoredEvent) -> dict[str, Any]:
    """Return one record of flows, seen from its host. Pure."""
    fields = event.fields
    outward = fields.get("network.direction") == "outbound"
    sent, answered = _number(fields.get("source.bytes")), _number(fields.get("destination.bytes"))
    return {
        "host": event.host,
        "opd": event.opd,
        "direction": _text(fields.get("network.direction")),
        "peer": _text(fields.get("destination.ip" if outward else "source.ip")) or None,
        "transport": _text(fields.get("network.transport")),
        "port": _number(fields.get("destination.port")),
        "process": _text(fields.get("process.name")) or None,
        "count": max(1, _number(fields.get("ronda.flow.count"))),
        "sent": sent if outward else answered,
        "received": answered if outward else sent,
        "failed": _failed(fields.get("ronda.flow.states")),
        "first": _number(fields.get("event.start")) or event.observed,
        "last": _number(fields.get("event.end")) or event.observed,
    }


def _failed(states: object) -> int:
    if not isinstance(states, Mapping):
        return 0
    return sum(_number(states.get(name)) for name in ("S0", "REJ", "SH"))


_KEY = ("host", "opd", "direction", "peer", "transport", "port", "process")
_SUMS = ("count", "sent", "received", "failed")


def added_up(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return *rows* (`flow_view`) summed for each peer and service, most bytes first. Pure."""
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in _KEY)
        known = sums.get(key)
        if known is None:
            sums[key] = dict(row)
            continue
        for name in _SUMS:
            known[name] += row[name]
        known["first"] = min(known["first"], row["first"])
        known["last"] = max(known["last"], row["last"])
    ordered = sorted(sums.values(), key=lambda row: (-row["sent"] - row["received"], -row["count"]))
    return [{**row, "first": iso(row["first"]), "last": iso(row["last"])} for row in ordered]


def finding_view(event: StoredEvent) -> dict[str, Any]:
    """Return the public form of a finding, of content or of a sweep. Pure."""
    fields = event.fields
    return {
        "time": iso(event.observed),
        "level": level_of(event.severity),
        "host": event.host,
        "opd": event.opd,
        "finding": _name(event),
        "source": fields.get("source.ip"),
        "destination": fields.get("destination.ip"),
        "port": fields.get("destination.port"),
        "about": fields.get("ronda.content.peer") or fields.get("ronda.finding.entity"),
        "count": _number(fields.get("ronda.data.count", fields.get("ronda.finding.count"))),
        "process": fields.get("process.name"),
        "detail": _detail(fields),
        "event": event.id,
    }


def _name(event: StoredEvent) -> str:
    if event.kind == "network.finding":
        return _text(event.fields.get("rule.name")) or "?"
    if event.kind == "network.content":
        reasons = event.fields.get("ronda.data.reasons")
        login = isinstance(reasons, list) and "login" in reasons
        return "login" if login else f"content.{_text(event.fields.get('ronda.content.way'))}"
    return "sweep"


def _detail(fields: Mapping[str, Any]) -> str:
    parts = [_text(fields.get("ronda.content.what"))]
    types = fields.get("ronda.data.types")
    if isinstance(types, list):
        parts.append(", ".join(map(str, types[:8])))
    if fields.get("user.name"):
        parts.append(f"account {fields['user.name']}")
    texts = fields.get("ronda.finding.texts")
    if isinstance(texts, list):
        parts += [str(text) for text in texts[:2]]
    if fields.get("ronda.fleet.hosts"):
        parts.append(f"{fields['ronda.fleet.hosts']} hosts")
    return "; ".join(part for part in parts if part)


async def list_flows(request: Request) -> Response:
    """GET /v1/network/flows"""
    return JSON(await in_thread(_flows, request.app.state.services, dict(request.query_params)))


def _flows(services: Services, query: Mapping[str, str]) -> dict[str, Any]:
    limit = integer(query, "limit", 200, 1, MAX_ROWS)
    with services.events() as store:
        found = _found(store, query, network_query.FLOWS, _MAX_FLOWS)
    rows = added_up(map(flow_view, found.events))
    return {
        "flows": rows[:limit],
        "more": len(rows) > limit,
        "stopped": found.stopped or found.more,
    }


async def list_findings(request: Request) -> Response:
    """GET /v1/network/findings"""
    return JSON(await in_thread(_findings, request.app.state.services, dict(request.query_params)))


def _findings(services: Services, query: Mapping[str, str]) -> dict[str, Any]:
    limit = integer(query, "limit", 200, 1, MAX_ROWS)
    with services.events() as store:
        found = _found(store, query, network_query.FINDINGS, limit)
    return {
        "findings": [finding_view(event) for event in found.events],
        "more": found.more,
        "stopped": found.stopped,
    }


async def show(request: Request) -> Response:
    """GET /v1/network/show/{peer}"""
    query = {**request.query_params, "peer": request.path_params["peer"]}
    return JSON(await in_thread(_show, request.app.state.services, query))


def _show(services: Services, query: Mapping[str, str]) -> dict[str, Any]:
    limit = integer(query, "limit", 200, 1, MAX_ROWS)
    with services.events() as store:
        flows = _found(store, query, network_query.FLOWS, _MAX_FLOWS)
        told = _found(store, query, network_query.FINDINGS, limit)
        spoken = _found(store, query, network_query.SERVICES, 2_000)
    rows = added_up(map(flow_view, flows.events))
    return {
        "peer": _peer(query["peer"]),
        "hosts": sorted({event.host for event in (*flows.events, *told.events, *spoken.events)}),
        "names": names_of(spoken.events),
        "flows": rows[:limit],
        "findings": [finding_view(event) for event in told.events],
        "more": len(rows) > limit or told.more,
        "stopped": flows.stopped or flows.more or told.stopped or spoken.stopped,
    }


def names_of(events: Iterable[StoredEvent]) -> list[str]:
    """Return what was asked for or said, the most frequent first: domains, software. Pure."""
    names: Counter[str] = Counter()
    for event in events:
        fields = event.fields
        words = [_text(fields.get("network.protocol"))]
        words += [
            _text(fields.get(name))
            for name in ("destination.domain", "dns.question.name", "ronda.service.software")
        ]
        names[" ".join(word for word in words if word)] += max(
            1, _number(fields.get("ronda.service.count"))
        )
    return [name for name, _ in names.most_common(_NAMES) if name]


async def leaks(request: Request) -> Response:
    """GET /v1/network/leaks"""
    return JSON(await in_thread(_leaks, request.app.state.services, dict(request.query_params)))


def _leaks(services: Services, query: Mapping[str, str]) -> dict[str, Any]:
    limit = integer(query, "limit", 200, 1, MAX_ROWS)
    with services.events() as store:
        found = _found(store, query, network_query.CONTENT, _MAX_CONTENT)
        known = exposures.known(store)
        sides = [
            side
            for one, event in exposures.with_findings(store, known.exposures[:_MAX_FILES])
            for side in sides_of(event, one.id, one.path)
        ]
    rows = list(joined(found.events, sides))
    return {
        "leaks": rows[:limit],
        "more": len(rows) > limit,
        "stopped": found.stopped or found.more or known.stopped,
    }


def sides_of(event: StoredEvent, name: str, path: str) -> Iterator[Side]:
    """Yield the values of each type in a finding, by their tokens. Pure."""
    tallies = event.fields.get("ronda.data.tallies")
    for tally in tallies if isinstance(tallies, list) else ():
        tokens = tally.get("tokens") if isinstance(tally, Mapping) else None
        if isinstance(tokens, list) and tokens:
            kept = frozenset(str(token) for token in tokens[:SKETCH])
            distinct = max(_number(tally.get("distinct")), len(kept))
            type_ = str(tally.get("type"))
            yield Side(name, event.host, event.opd, path, type_, distinct, kept)


def joined(content: Sequence[StoredEvent], at_rest: Sequence[Side]) -> Iterator[dict[str, Any]]:
    """Yield which of the values that crossed lie in which file, most in common first. Pure."""
    holders: dict[tuple[str, str], list[int]] = {}
    for number, side in enumerate(at_rest):
        for token in side.tokens:
            holders.setdefault((side.type, token), []).append(number)
    for event in content:
        peer = _text(event.fields.get("ronda.content.peer"))
        rows = []
        for side in sides_of(event, event.id, peer):
            places = {
                number
                for token in side.tokens
                for number in holders.get((side.type, token), ())[:_NAMES]
            }
            rows += [
                _leak(event, compare(side, at_rest[number]), at_rest[number]) for number in places
            ]
        yield from sorted(rows, key=lambda row: (-row["certain"], row["path"]))


def _leak(event: StoredEvent, pair: Pair, file: Side) -> dict[str, Any]:
    fields = event.fields
    return {
        "time": iso(event.observed),
        "level": level_of(event.severity),
        "host": event.host,
        "opd": event.opd,
        "way": fields.get("ronda.content.way"),
        "peer": fields.get("ronda.content.peer"),
        "what": fields.get("ronda.content.what"),
        "type": file.type,
        "certain": pair.shared,
        "file_host": file.host,
        "file_opd": file.opd,
        "path": file.path,
        "exposure": file.exposure,
        "event": event.id,
    }
