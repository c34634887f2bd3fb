"""What an alert may say about an event: named facts, taken from ECS fields.

A rule's sentences hold ``{name}``; only the names below exist. Values stay as the event has
them (numbers, lists); whoever shows them knows the reader's language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

FIELDS: Mapping[str, tuple[str, ...]] = {
    "host": ("ronda.subject.host", "host.name"),
    "agent": ("ronda.subject.agent", "agent.id"),
    "opd": ("organization.name",),
    "path": ("file.path",),
    "token": ("ronda.path.token",),
    "url": ("url.full", "url.path"),
    "served": ("ronda.web.served",),
    "action": ("event.action",),
    "state": ("event.action",),
    "size": ("file.size",),
    "mode": ("file.mode",),
    "previous_mode": ("ronda.file.previous.mode",),
    "capabilities": ("ronda.file.capabilities",),
    "owner": ("file.uid",),
    "accounts": ("ronda.file.superusers", "ronda.file.passwordless"),
    "sha256": ("file.hash.sha256",),
    "count": ("ronda.data.count", "ronda.ingest.count"),
    "types": ("ronda.data.types",),
    "counts": ("ronda.data.tallies",),
    "samples": ("ronda.data.tallies",),
    "reachable": ("ronda.data.reachable",),
    "canaries": ("ronda.data.canaries",),
    "canary_opd": ("ronda.canary.opd",),
    "canary_place": ("ronda.canary.place",),
    "registered": ("ronda.data.registered",),
    "registers": ("ronda.data.registers",),
    "cause": ("ronda.visibility.cause", "event.reason"),
    "reason": ("event.reason", "error.message"),
    "begin": ("event.start",),
    "end": ("event.end",),
    "sensor": ("ronda.sensor.name",),
    "restarts": ("ronda.sensor.restarts",),
    "dropped": ("ronda.spool.dropped",),
    "role": ("ronda.file.role",),
    "program": ("process.executable",),
    "who": ("user.id",),
    "login": ("ronda.process.login",),
    "window": ("ronda.window.id",),
    "paths": ("ronda.window.paths", "ronda.baseline.paths"),
    "git": ("ronda.file.git",),
    "entries": ("ronda.baseline.entries",),
    "version": ("package.version",),
    "agree": ("ronda.package.agree",),
    "package": ("ronda.package.name", "ronda.package.unproven", "package.name"),
    "hosts": ("ronda.subject.hosts",),
    "addresses": ("source.ip",),
    "peer": ("ronda.content.peer",),
    "address": ("ronda.content.peer", "source.ip", "destination.ip"),
    "destination": ("destination.ip",),
    "port": ("destination.port",),
    "protocol": ("network.protocol",),
    "what": ("ronda.content.what",),
    "account": ("user.name",),
    "about": ("ronda.content.about",),
    "finding": ("rule.name",),
    "named": ("ronda.finding.entity",),
    "tries": ("ronda.finding.count",),
    "texts": ("ronda.finding.texts",),
    "process": ("process.name",),
    "fleet": ("ronda.fleet.hosts",),
    "known": ("ronda.fleet.since",),
}
"""Name of a fact to the fields that may hold it, the first one present counts."""

ALERT_FACTS = ("alert",)
"""Facts that only the alert knows: its number."""

PLACEHOLDER = re.compile(r"\{([a-z0-9_]+)\}")
"""``{name}`` in a sentence."""

MAX_SAMPLES = 3
MAX_LIST = 8
MAX_TEXT = 4096
"""Characters of a fact: the longest path that Linux has."""


def facts_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that *event* has. Pure; the event is redacted already."""
    facts: dict[str, Any] = {}
    for name, fields in FIELDS.items():
        value = next((event[field] for field in fields if event.get(field) is not None), None)
        if value is None:
            continue
        shaped = _SHAPES[name](value) if name in _SHAPES else _plain(value)
        if shaped is not None:
            facts[name] = shaped
    return facts


def placeholders(sentence: str) -> set[str]:
    """Return the names of the facts in *sentence*."""
    return set(PLACEHOLDER.findall(sentence))


def known_facts() -> set[str]:
    """Return every name that a sentence may use."""
    return {*FIELDS, *ALERT_FACTS}


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [str(item)[:MAX_TEXT] for item in value[:MAX_LIST]]
    if isinstance(value, str):
        return value[:MAX_TEXT]
    return value if isinstance(value, (int, float)) else None


def _tallies(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, (list, tuple)):
        return []
    return [item for item in value[:MAX_LIST] if isinstance(item, Mapping)]


def _counts(value: Any) -> list[list[Any]] | None:
    """One ``[type, count, exact]`` for each type."""
    counts = [
        [
            str(tally.get("type", ""))[:MAX_TEXT],
            _whole(tally.get("count")),
            tally.get("exact") is not False,
        ]
        for tally in _tallies(value)
    ]
    return counts or None


def _samples(value: Any) -> list[str] | None:
    """Masked values, a few over all types."""
    samples: list[str] = []
    for tally in _tallies(value):
        found = tally.get("samples")
        if isinstance(found, (list, tuple)):
            samples += [str(sample)[:MAX_TEXT] for sample in found[:MAX_SAMPLES]]
    return samples[:MAX_SAMPLES] or None


def _dropped(value: Any) -> int | None:
    """Sum over all severities."""
    return sum(_whole(item) for item in value.values()) if isinstance(value, Mapping) else None


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


_SHAPES = {"counts": _counts, "samples": _samples, "dropped": _dropped}
