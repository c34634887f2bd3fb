"""Detections become alerts: one per rule, agent and entity, counted, with its notifications.

Everything here runs inside the caller's transaction, together with the cursor of what was
read: after a crash nothing is missing and nothing is there twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from server.alerts.model import MAX_LINKS, MAX_LIVE, Channel, NewAlert, Raised
from server.store.state import StateStore

_LIVE = "SELECT id, status, count, created FROM alert WHERE dedup = ? AND status <> 'closed'"
_COUNT_LIVE = (
    "SELECT count(*) AS live FROM (SELECT 1 FROM alert"
    " WHERE agent = ? AND rule = ? AND status <> 'closed' LIMIT ?)"
)
_CROWDED = f"over {MAX_LIVE} open alerts of this rule on this host: further ones count here"
_INSERT = (
    "INSERT INTO alert (dedup, rule, title, level, stage, opd, agent, host, entity_field, entity,"
    " first_seen, last_seen, created, updated, first_event, last_event, fields, tags)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_REPEAT = (
    "UPDATE alert SET count = count + 1, first_seen = min(first_seen, ?),"
    " last_seen = max(last_seen, ?), updated = ?, last_event = ?, fields = ? WHERE id = ?"
)
_LINK = "INSERT OR IGNORE INTO alert_event (alert, event, observed) VALUES (?, ?, ?)"
_NOTIFY = (
    "INSERT OR IGNORE INTO outbox (alert, channel, reason, created, due) VALUES (?, ?, ?, ?, ?)"
)
_LAST_NOTIFIED = (
    "SELECT max(created) AS at, count(DISTINCT reason) AS times FROM outbox WHERE alert = ?"
)


def raise_alert(state: StateStore, new: NewAlert, channels: Iterable[Channel], now: int) -> Raised:
    """Open an alert for *new* or count it into the live one. *now* is ns since 1970.

    Call it inside ``state.transaction()``.
    """
    live = state.query(_LIVE, (new.dedup,))
    crowded = not live and _is_crowded(state, new)
    if crowded:
        new = msgspec.structs.replace(new, entity_field="host.name", entity=new.host)
        live = state.query(_LIVE, (new.dedup,))
    if live:
        return _repeat(state, live[0], new, channels, now)
    fields = json.dumps(new.fields, ensure_ascii=False)
    cursor = state.execute(
        _INSERT,
        (
            *(new.dedup, new.rule, new.title, new.level, new.stage, new.opd, new.agent, new.host),
            *(new.entity_field, new.entity, new.observed, new.observed, now, now),
            *(new.event, new.event, fields, json.dumps(new.tags)),
        ),
    )
    alert = int(cursor.lastrowid or 0)
    state.execute(_LINK, (alert, new.event, new.observed))
    note = _CROWDED if crowded else _follows(state, new.dedup, alert)
    record(state, alert, actor="collector", action="opened", note=note, now=now)
    return Raised(alert, True, _notify(state, alert, "opened", new, channels=channels, now=now))


def _is_crowded(state: StateStore, new: NewAlert) -> bool:
    (row,) = state.query(_COUNT_LIVE, (new.agent, new.rule, MAX_LIVE))
    return int(row["live"]) >= MAX_LIVE


def _repeat(
    state: StateStore, live: dict[str, Any], new: NewAlert, channels: Iterable[Channel], now: int
) -> Raised:
    alert = int(live["id"])
    fields = json.dumps(new.fields, ensure_ascii=False)
    state.execute(_REPEAT, (new.observed, new.observed, now, new.event, fields, alert))
    if live["count"] < MAX_LINKS:
        state.execute(_LINK, (alert, new.event, new.observed))
    if live["status"] != "open":  # somebody looks into it already
        return Raised(alert, False, False)
    last = state.query(_LAST_NOTIFIED, (alert,))[0]
    if now - int(last["at"] or live["created"]) < new.quiet:
        return Raised(alert, False, False)
    reason = f"repeated:{last['times']}"
    return Raised(alert, False, _notify(state, alert, reason, new, channels=channels, now=now))


def _notify(
    state: StateStore,
    alert: int,
    reason: str,
    new: NewAlert,
    *,
    channels: Iterable[Channel],
    now: int,
) -> bool:
    """Put a row into the outbox for each channel that wants it. Only proven rules notify."""
    if new.stage != "stable":
        return False
    wanted = [channel for channel in channels if channel.wants(new.level)]
    for channel in wanted:
        state.execute(_NOTIFY, (alert, channel.name, reason, now, now))
    return bool(wanted)


def _follows(state: StateStore, dedup: str, alert: int) -> str:
    rows = state.query(
        "SELECT max(id) AS id FROM alert WHERE dedup = ? AND id <> ?", (dedup, alert)
    )
    before = rows[0]["id"]
    return f"again after alert {before}" if before is not None else ""


def record(state: StateStore, alert: int, *, actor: str, action: str, note: str, now: int) -> None:
    """Add a line to the alert's history."""
    state.execute(
        "INSERT INTO alert_history (alert, at, actor, action, note) VALUES (?, ?, ?, ?, ?)",
        (alert, now, actor, action, note),
    )
