"""Reading alerts, restricted to the OPDs that a person may see. ``opds=None`` means all."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from server.alerts.model import LEVELS, UnknownAlert
from server.store.state import StateStore

STATUSES = ("open", "acknowledged", "closed")
MAX_ROWS = 10_000


def list_alerts(
    state: StateStore,
    *,
    statuses: Collection[str] = ("open", "acknowledged"),
    min_level: str = "informational",
    opds: Collection[str] | None = None,
    host: str | None = None,
    since: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Return rows of table ``alert``, the last seen first. *since* is ns.

    Raises:
        ValueError: a status or level does not exist.
    """
    for status in statuses:
        if status not in STATUSES:
            raise ValueError(f"no status {status!r}; there are: {', '.join(STATUSES)}")
    if min_level not in LEVELS:
        raise ValueError(f"no level {min_level!r}; there are: {', '.join(LEVELS)}")
    conditions: list[str] = []
    params: list[Any] = []
    _one_of(conditions, params, "status", list(statuses))
    _one_of(conditions, params, "level", list(LEVELS[LEVELS.index(min_level) :]))
    if opds is not None:
        _one_of(conditions, params, "opd", list(opds))
    if host is not None:
        conditions.append("host = ?")
        params.append(host)
    if since is not None:
        conditions.append("last_seen >= ?")
        params.append(since)
    # Only our own words and question marks become part of the statement.
    sql = f"SELECT * FROM alert WHERE {' AND '.join(conditions)}"  # noqa: S608
    params.append(min(max(limit, 0), MAX_ROWS))
    return state.query(f"{sql} ORDER BY last_seen DESC, id DESC LIMIT ?", params)


def _one_of(conditions: list[str], params: list[Any], column: str, values: list[str]) -> None:
    marks = ", ".join("?" * len(values))
    conditions.append(f"{column} IN ({marks})")
    params += values


def get_alert(state: StateStore, alert: int, opds: Collection[str] | None = None) -> dict[str, Any]:
    """Return the row of one alert.

    Raises:
        UnknownAlert: there is none, or it is outside *opds*.
    """
    rows = state.query("SELECT * FROM alert WHERE id = ?", (alert,))
    if not rows or (opds is not None and rows[0]["opd"] not in opds):
        raise UnknownAlert(f"there is no alert {alert}; see: ronda alerts list --status all")
    return rows[0]


def history_of(state: StateStore, alert: int) -> list[dict[str, Any]]:
    """Return who did what to an alert and why, in order."""
    return state.query(
        "SELECT at, actor, action, note FROM alert_history WHERE alert = ? ORDER BY id", (alert,)
    )


def events_of(state: StateStore, alert: int) -> list[str]:
    """Return the ids of its linked events, the newest first."""
    rows = state.query(
        "SELECT event FROM alert_event WHERE alert = ? ORDER BY observed DESC, event", (alert,)
    )
    return [str(row["event"]) for row in rows]


def messages_of(state: StateStore, alert: int) -> list[dict[str, Any]]:
    """Return its notifications and what became of them."""
    return state.query(
        "SELECT channel, reason, status, attempts, delivered, error FROM outbox"
        " WHERE alert = ? ORDER BY id",
        (alert,),
    )
