"""Some events say that what an alert is about is over: the file is gone, the agent is back.

The alert stays open, for somebody must still find out what happened; its history says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from server.alerts.model import dedup_key
from server.alerts.raising import record
from server.store.state import StateStore
from signatures.sigma_rule import Rule


class End(NamedTuple):
    """What is over."""

    began: str
    """Kind of the events that raised the alert."""
    field: str
    entity: str
    action: str
    """For the history: ``gone`` or ``returned``."""
    note: str


def ends(kind: str, event: Mapping[str, Any]) -> End | None:
    """Return what *event* ends, None for nearly all events. Pure."""
    if kind == "exposure.cleared":
        field, began, action = "file.path", "exposure.finding", "gone"
        note = str(event.get("event.reason", ""))[:200]
    elif kind == "agent.silent" and event.get("event.action") == "returned":
        field, began, action, note = "ronda.subject.agent", "agent.silent", "returned", ""
    else:
        return None
    entity = event.get(field)
    return End(began, field, entity, action, note) if isinstance(entity, str) else None


def note_end(state: StateStore, rules: Iterable[Rule], agent: str, end: End, now: int) -> int:
    """Write *end* into the history of live alerts, once each; return into how many.

    Call it inside ``state.transaction()``. *now* is ns since 1970.
    """
    noted = 0
    for rule in rules:
        if rule.entity != end.field or not _speaks_of(rule, end.began):
            continue
        for row in state.query(_LIVE, (dedup_key(rule.id, agent, end.entity),)):
            if row["last"] != end.action:
                alert = int(row["id"])
                record(state, alert, actor="collector", action=end.action, note=end.note, now=now)
                state.execute("UPDATE alert SET updated = ? WHERE id = ?", (now, alert))
                noted += 1
    return noted


_LIVE = (
    "SELECT id, (SELECT action FROM alert_history AS history WHERE history.alert = alert.id"
    " ORDER BY history.id DESC LIMIT 1) AS last FROM alert WHERE dedup = ? AND status <> 'closed'"
)


def _speaks_of(rule: Rule, kind: str) -> bool:
    named = [need.values for need in rule.needed if need.field == "ronda.kind"]
    return kind in rule.kinds and all(kind in values for values in named)
