"""On how many hosts is a beacon's destination called? A pure core and its table.

An implant is on a few hosts; what most of them call regularly is an update server, monitoring or
the time. The number is added to the finding as ``ronda.fleet.hosts`` and ``ronda.fleet.spread``:

``single``: no other host told of it within a week.
``shared``: two hosts or more, but not most.
``common``: `COMMON_HOSTS` or more, and at least `COMMON_SHARE` of all.

Bounds: `MAX_DESTINATIONS` rows of an agent; in a fleet of fewer than `COMMON_HOSTS` nothing is
common, for half of it may have been taken over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from server.store.events import StoredEvent
from server.store.state import StateStore

HOSTS, SPREAD = "ronda.fleet.hosts", "ronda.fleet.spread"
COMMON_HOSTS = 5
COMMON_SHARE = 0.6
WEEK = 7 * 86_400 * 10**9
MAX_DESTINATIONS = 500
_MAX_TEXT = 300
_RULE = "beacon"
_FLEET = "SELECT count(*) AS hosts FROM agent WHERE revoked IS NULL"
_OTHERS = (
    "SELECT count(*) AS hosts FROM network_beacon WHERE destination = ? AND agent <> ? AND at > ?"
)
_SAVE = (
    "INSERT INTO network_beacon (destination, agent, at) VALUES (?, ?, ?)"
    " ON CONFLICT (destination, agent) DO UPDATE SET at = max(at, excluded.at)"
)
_PRUNE = (
    "DELETE FROM network_beacon WHERE agent = ? AND destination NOT IN"
    " (SELECT destination FROM network_beacon WHERE agent = ? ORDER BY at DESC LIMIT ?)"
)


class Seen(NamedTuple):
    """A beacon that is to be remembered."""

    destination: str
    agent: str
    at: int


def spread(hosts: int, fleet: int) -> str:
    """Return how far a destination is spread. Pure."""
    if hosts < 2:
        return "single"
    return "common" if hosts >= max(COMMON_HOSTS, COMMON_SHARE * fleet) else "shared"


def destination_of(fields: Mapping[str, Any]) -> str | None:
    """Return what a beacon calls, None for anything else. Pure."""
    name = fields.get("ronda.finding.entity") or fields.get("destination.ip")
    if fields.get("rule.name") != _RULE or not isinstance(name, str):
        return None
    return name[:_MAX_TEXT].lower() or None


class Spread:
    """`judge` before the rules run, `store` with their alerts."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    def judge(self, events: Iterable[StoredEvent], now: int) -> list[Seen]:
        """Add hosts and spread to each beacon; return what is to be stored. *now* in ns."""
        found: list[Seen] = []
        for event in events:
            if event.kind != "network.finding":
                continue
            event.fields.pop(HOSTS, None)  # ours to give
            event.fields.pop(SPREAD, None)
            destination = destination_of(event.fields)
            if destination is None:
                continue
            seen = Seen(destination, event.agent, now)
            hosts = 1 + self._others(seen, found)
            (fleet,) = self._state.query(_FLEET)
            event.fields[HOSTS] = hosts
            event.fields[SPREAD] = spread(hosts, int(fleet["hosts"]))
            found.append(seen)
        return found

    def _others(self, seen: Seen, pending: Iterable[Seen]) -> int:
        values = (seen.destination, seen.agent, seen.at - WEEK)
        (row,) = self._state.query(_OTHERS, values)
        fresh = {
            one.agent
            for one in pending
            if one.destination == seen.destination and one.agent != seen.agent
        }
        if not fresh:
            return int(row["hosts"])
        marks = ", ".join("?" * len(fresh))
        sql = f"{_OTHERS} AND agent NOT IN ({marks})"
        (row,) = self._state.query(sql, (*values, *sorted(fresh)))
        return int(row["hosts"]) + len(fresh)

    def store(self, found: Iterable[Seen]) -> None:
        """Remember what `judge` found; inside ``state.transaction()``."""
        agents = set()
        for one in found:
            self._state.execute(_SAVE, one)
            agents.add(one.agent)
        for agent in agents:
            self._state.execute(_PRUNE, (agent, agent, MAX_DESTINATIONS))
