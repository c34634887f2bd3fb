"""How many hosts talk to a beacon's destination, and since when? A pure core and its table.

An implant is on a few hosts, and new; what most of them call is an update server, monitoring or the
time (RITA's prevalence and first-seen modifiers). Hosts are counted by their conversations, whether
these are regular or not: answered ones that a host began itself with a public peer
(``network.flow``), names that it asked for in TLS or HTTP (``network.service``), and beacons. What
is counted is a name or address with its port, as the beacon calls it. Added to the finding are
``ronda.fleet.hosts``, ``ronda.fleet.since`` and ``ronda.fleet.spread``:

``single``: no other host talked to it within a week.
``shared``: two hosts or more, but not most.
``common``: `COMMON_HOSTS` or more, and at least `COMMON_SHARE` of all.

Bounds: `MAX_DESTINATIONS` rows of an agent, the latest; in a fleet of fewer than `COMMON_HOSTS`
nothing is common, for half of it may have been taken over. A row is written once a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from server.detect.sweeps import is_inside
from server.store.events import StoredEvent
from server.store.state import StateStore

HOSTS, SPREAD, SINCE = "ronda.fleet.hosts", "ronda.fleet.spread", "ronda.fleet.since"
COMMON_HOSTS = 5
COMMON_SHARE = 0.6
DAY = 86_400 * 10**9
WEEK = 7 * DAY
MAX_DESTINATIONS = 2_000
_MAX_TEXT = 300
_MAX_FRESH = 200_000
"""Rows of today that are remembered; looked up in the table again when there are more."""
_PRUNE_AFTER = 1_000
"""Rows written."""
_RULE = "beacon"
_FLEET = "SELECT count(*) AS hosts FROM agent WHERE revoked IS NULL"
_ROWS = "SELECT agent, first, last FROM network_peer WHERE destination = ?"
_LAST = "SELECT last FROM network_peer WHERE destination = ? AND agent = ?"
_SAVE = (
    "INSERT INTO network_peer (destination, agent, first, last) VALUES (?1, ?2, ?3, ?3)"
    " ON CONFLICT (destination, agent) DO UPDATE SET last = max(last, excluded.last)"
)
_PRUNE = (
    "DELETE FROM network_peer WHERE agent = ?1 AND destination NOT IN"
    " (SELECT destination FROM network_peer WHERE agent = ?1 ORDER BY last DESC LIMIT ?2)"
)


class Seen(NamedTuple):
    """A peer that is to be remembered."""

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


def talked_to(kind: str, fields: Mapping[str, Any]) -> str | None:
    """Return with whom a host had a conversation that it began, as a beacon would name it. Pure."""
    if kind not in {"network.flow", "network.service"}:
        return None
    if fields.get("network.direction") != "outbound":
        return None
    port = fields.get("destination.port")
    if kind == "network.flow":
        name, answered = fields.get("destination.ip"), fields.get("destination.bytes")
        if not answered or not isinstance(name, str) or is_inside(name):
            return None
    else:
        name = fields.get("destination.domain")
    if not isinstance(name, str) or not name or not isinstance(port, int) or not port:
        return None
    return f"{name}:{port}"[:_MAX_TEXT].lower()


class Spread:
    """`judge` before the rules run, `store` with their alerts."""

    def __init__(self, state: StateStore) -> None:
        self._state = state
        self._fresh: dict[tuple[str, str], int] = {}
        """Peers and agents whose row is less than a day old, and when it was written."""
        self._stored = 0
        self._writers: set[str] = set()
        """Agents with new rows since the last look for too many."""

    def judge(self, events: Iterable[StoredEvent], now: int) -> list[Seen]:
        """Add to each beacon how many call it since when; return what to store. *now* in ns."""
        found: dict[tuple[str, str], Seen] = {}
        for event in events:
            peer = talked_to(event.kind, event.fields)
            if peer is not None and (peer, event.agent) not in found:
                if not self._is_fresh(peer, event.agent, now):
                    found[peer, event.agent] = Seen(peer, event.agent, now)
            elif event.kind == "network.finding":
                for field in (HOSTS, SPREAD, SINCE):
                    event.fields.pop(field, None)  # ours to give
                destination = destination_of(event.fields)
                if destination is not None:
                    seen = Seen(destination, event.agent, now)
                    self._add(event, seen, found.values())
                    found[destination, event.agent] = seen
        return list(found.values())

    def _is_fresh(self, peer: str, agent: str, now: int) -> bool:
        """Tell whether there is a row of the last day."""
        key = peer, agent
        last = self._fresh.get(key)
        if last is None:
            rows = self._state.query(_LAST, key)
            if not rows:
                return False
            # What is written may yet be rolled back: only what was read is remembered.
            if len(self._fresh) >= _MAX_FRESH:
                self._fresh.clear()
            last = self._fresh[key] = int(rows[0]["last"])
        if 0 <= now - last < DAY:
            return True
        del self._fresh[key]
        return False

    def _add(self, event: StoredEvent, seen: Seen, pending: Iterable[Seen]) -> None:
        first, hosts = seen.at, {seen.agent}
        for row in self._state.query(_ROWS, (seen.destination,)):
            first = min(first, int(row["first"]))
            if int(row["last"]) > seen.at - WEEK:
                hosts.add(str(row["agent"]))
        hosts |= {one.agent for one in pending if one.destination == seen.destination}
        (fleet,) = self._state.query(_FLEET)
        event.fields[HOSTS] = len(hosts)
        event.fields[SINCE] = first
        event.fields[SPREAD] = spread(len(hosts), int(fleet["hosts"]))

    def store(self, found: Iterable[Seen]) -> None:
        """Remember what `judge` found; inside ``state.transaction()``."""
        for one in found:
            self._state.execute(_SAVE, one)
            self._writers.add(one.agent)
            self._stored += 1
        if self._stored >= _PRUNE_AFTER:
            for agent in self._writers:
                self._state.execute(_PRUNE, (agent, MAX_DESTINATIONS))
            self._stored = 0
            self._writers.clear()
