"""What people do with alerts: acknowledge, close, reopen. Each is kept with who and why."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Any, NamedTuple

from server.alerts.model import AlertConflict
from server.alerts.queries import get_alert
from server.alerts.raising import record
from server.store.state import StateStore

MAX_NOTE = 2000
"""Characters of a note."""


class _Step(NamedTuple):
    action: str
    status: str
    allowed: tuple[str, ...]
    """Statuses from which it can be done."""


_ACKNOWLEDGE = _Step("acknowledged", "acknowledged", ("open",))
_CLOSE = _Step("closed", "closed", ("open", "acknowledged"))
_REOPEN = _Step("reopened", "open", ("acknowledged", "closed"))


def acknowledge(
    state: StateStore,
    alert: int,
    actor: str,
    note: str = "",
    *,
    now: int,
    opds: Collection[str] | None = None,
) -> dict[str, Any]:
    """Say that somebody looks into it: it stays live and stops notifying. Returns the row.

    Raises:
        UnknownAlert: there is none, or it is outside *opds*.
        AlertConflict: it is not open.
    """
    return _change(state, alert, _ACKNOWLEDGE, actor=actor, note=note, now=now, opds=opds)


def close(
    state: StateStore,
    alert: int,
    actor: str,
    note: str = "",
    *,
    now: int,
    opds: Collection[str] | None = None,
) -> dict[str, Any]:
    """Say that it is dealt with: the next detection opens a new alert. Returns the row.

    Raises:
        UnknownAlert: as `acknowledge`.
        AlertConflict: it is closed already.
    """
    return _change(state, alert, _CLOSE, actor=actor, note=note, now=now, opds=opds)


def reopen(
    state: StateStore,
    alert: int,
    actor: str,
    note: str = "",
    *,
    now: int,
    opds: Collection[str] | None = None,
) -> dict[str, Any]:
    """Open it again. Returns the row.

    Raises:
        UnknownAlert: as `acknowledge`.
        AlertConflict: it is open, or a newer alert about the same thing is live.
    """
    return _change(state, alert, _REOPEN, actor=actor, note=note, now=now, opds=opds)


def _change(
    state: StateStore,
    alert: int,
    step: _Step,
    *,
    actor: str,
    note: str,
    now: int,
    opds: Collection[str] | None,
) -> dict[str, Any]:
    if len(note) > MAX_NOTE:
        raise AlertConflict(f"the note is longer than {MAX_NOTE} characters")
    with state.transaction():
        row = get_alert(state, alert, opds)
        if row["status"] not in step.allowed:
            raise AlertConflict(f"alert {alert} is {row['status']} already")
        try:
            state.execute(
                "UPDATE alert SET status = ?, updated = ? WHERE id = ?", (step.status, now, alert)
            )
        except sqlite3.IntegrityError as error:
            raise AlertConflict(_newer(state, row)) from error
        record(state, alert, actor=actor, action=step.action, note=note, now=now)
        state.execute(
            "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
            (now, actor, f"alert.{step.action}", f"alert:{alert}", note),
        )
    return {**row, "status": step.status, "updated": now}


def _newer(state: StateStore, row: dict[str, Any]) -> str:
    live = state.query(
        "SELECT id FROM alert WHERE dedup = ? AND status <> 'closed'", (row["dedup"],)
    )
    return f"alert {live[0]['id']} is about the same thing and is not closed; work with that one"
