"""Does one source knock at many hosts, too slowly for each of them? A pure core and its tables.

Agents tell hourly which sources had first contacts that failed (``network.contacts``). A source
that failed at `QUORUM` hosts within a day, at each of them more often than it got an answer, and at
more hosts than those that answered it, sweeps the fleet (the first-contact failures of Jung et al.
2004, added up over hosts). Each host has one vote, whatever numbers it tells: one that was taken
over cannot answer for the others. It is told once a day, and again when it has reached twice as
many hosts, as the event ``network.sweep``.

From outside that is everyday: every public server is knocked at. Rules alert on sources inside.
Bounds: `MAX_ROWS` reports of sources outside and as many of private addresses are kept, of the
latter `MAX_OF_ONE` of an agent; the newest. So neither the noise of the internet nor a host that
makes up sources pushes out what others told. A source that changes its address is not found.
"""

from __future__ import annotations

import ipaddress
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from collectors.kinds import NetworkSweep, Scrubbed
from server.store.events import StoredEvent
from server.store.state import StateStore

QUORUM = 3
"""Hosts: two may be a mistyped address and its correction."""
DAY = 86_400 * 10**9
MAX_ROWS = 50_000
MAX_OF_ONE = 2_000
_REPORTS = 24
"""Of a host about a source that are added up, the newest: an hour each."""
_PRUNE_AFTER = 1_000
"""Reports, or an hour."""
_HOUR = DAY // 24
_MOST_PORTS = 16
_MOST_NAMES = 8
_INSIDE = tuple(
    ipaddress.ip_network(net)
    for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
_SAVE = (
    "INSERT INTO network_contact (source, agent, host, begin, until, failed, answered, ports)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_LAST = (
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY agent ORDER BY id DESC) AS nth"
    " FROM network_contact WHERE source = ? AND until > ?) WHERE nth <= ? LIMIT 10000"
)
# As `is_inside`, but a little wider.
_PRIVATE = (
    "(source LIKE '10.%' OR source LIKE '192.168.%' OR source LIKE '172.%'"
    " OR source LIKE '100.%' OR source LIKE 'fc%:%' OR source LIKE 'fd%:%')"
)
_OLD = "DELETE FROM network_contact WHERE until <= ?"
_TOO_MANY = tuple(
    f"DELETE FROM network_contact WHERE {where} AND id <= coalesce((SELECT id FROM network_contact"  # noqa: S608
    f" WHERE {where} ORDER BY id DESC LIMIT 1 OFFSET ?), 0)"
    for where in (_PRIVATE, f"NOT {_PRIVATE}")
)
_TOO_MANY_OF_ONE = (
    "DELETE FROM network_contact WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER"  # noqa: S608
    f" (PARTITION BY agent ORDER BY id DESC) AS nth FROM network_contact WHERE {_PRIVATE})"
    " WHERE nth > ?)"
)
_TOLD = (
    "INSERT INTO network_sweep (source, told, hosts) VALUES (?, ?, ?)"
    " ON CONFLICT (source) DO UPDATE SET told = excluded.told, hosts = excluded.hosts"
)


class Report(NamedTuple):
    """What one host tells of one source."""

    source: str
    agent: str
    host: str
    begin: int
    until: int
    failed: int
    answered: int
    ports: tuple[int, ...]


def report(event: StoredEvent) -> Report | None:
    """Return what *event* tells, None for nearly all events. Pure."""
    if event.kind != "network.contacts":
        return None
    fields = event.fields
    source = fields.get("source.ip")
    numbers = [fields.get(name, 0) for name in ("ronda.contacts.failed", "ronda.contacts.answered")]
    if not isinstance(source, str) or not all(isinstance(one, int) for one in numbers):
        return None
    try:
        source = str(ipaddress.ip_address(source))
    except ValueError:
        return None
    failed, answered = (min(max(one, 0), 1 << 31) for one in numbers)
    ports = fields.get("destination.port", ())
    listed = [one for one in ports if _is_port(one)] if isinstance(ports, list) else []
    # The collector's own time: an agent's clock may be anywhere.
    until = event.received
    begin = fields.get("event.start")
    span = until - begin if isinstance(begin, int) and 0 < until - begin < DAY else 0
    return Report(
        source[:64],  # an address of IPv6 may name an interface of any length
        event.agent,
        event.host,
        until - span,
        until,
        failed,
        answered,
        tuple(listed[:_MOST_PORTS]),
    )


def _is_port(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65_535


def is_inside(address: str) -> bool:
    """Tell whether *address* belongs to a private network."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in net for net in _INSIDE if net.version == found.version)


def sweep(reports: Sequence[Report]) -> NetworkSweep | None:
    """Return what *reports* of one source within a day amount to. Pure."""
    balance: Counter[str] = Counter()
    for one in reports:
        balance[one.agent] += one.failed - one.answered
    hosts = {one.agent: one.host for one in reports if balance[one.agent] > 0}
    if len(hosts) < QUORUM or len(hosts) <= len(balance) - len(hosts):
        return None
    told = [one for one in reports if one.agent in hosts]
    failed = sum(one.failed for one in told)
    ports = {port for one in told for port in one.ports}
    source = reports[0].source
    return NetworkSweep(
        source=source,
        hosts=len(hosts),
        names=tuple(Scrubbed(name) for name in sorted(hosts.values())[:_MOST_NAMES]),
        failed=failed,
        ports=tuple(sorted(ports)[:_MOST_PORTS]),
        begin=min(one.begin for one in told),
        end=max(one.until for one in told),
        inside=is_inside(source),
    )


class Sweeps:
    """Keeps what hosts told; `store` in the transaction of the alerts."""

    def __init__(self, state: StateStore) -> None:
        self._state = state
        self._stored = self._pruned = 0

    def store(self, events: Iterable[StoredEvent], now: int) -> None:
        """Take in what *events* say, and leave a note on each source that sweeps. *now* in ns."""
        sources = set()
        for event in events:
            one = report(event)
            if one is not None and one.failed + one.answered:
                self._state.execute(_SAVE, (*one[:-1], json.dumps(one.ports)))
                sources.add(one.source)
                self._stored += 1
        for source in sorted(sources):
            self._tell(source, now)
        if sources and (self._stored >= _PRUNE_AFTER or abs(now - self._pruned) >= _HOUR):
            self._prune(now)
            self._stored, self._pruned = 0, now

    def _tell(self, source: str, now: int) -> None:
        rows = self._state.query(_LAST, (source, now - DAY, _REPORTS))
        found = sweep([_of(row) for row in rows]) if rows else None
        if found is None:
            return
        told = self._state.query("SELECT * FROM network_sweep WHERE source = ?", (source,))
        if told and now - int(told[0]["told"]) < DAY and found.hosts < 2 * int(told[0]["hosts"]):
            return
        self._state.execute(_TOLD, (source, now, found.hosts))
        note = msgspec.json.encode(found).decode()
        self._state.execute("INSERT INTO note (at, record) VALUES (?, ?)", (now, note))

    def _prune(self, now: int) -> None:
        self._state.execute(_OLD, (now - DAY,))
        for sql in _TOO_MANY:
            self._state.execute(sql, (MAX_ROWS,))
        self._state.execute(_TOO_MANY_OF_ONE, (MAX_OF_ONE,))
        self._state.execute("DELETE FROM network_sweep WHERE told <= ?", (now - 2 * DAY,))


def _of(row: Mapping[str, Any]) -> Report:
    return Report(
        source=row["source"],
        agent=row["agent"],
        host=row["host"],
        begin=row["begin"],
        until=row["until"],
        failed=row["failed"],
        answered=row["answered"],
        ports=tuple(json.loads(row["ports"])),
    )
