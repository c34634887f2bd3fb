"""First contacts that failed, counted per source and hour, for the collector.

A sweep of one probe in five minutes over many servers is invisible on each of them; the collector
adds these counters up and decides by the same walk as `scan` (Jung et al., 2004, where it is the
first contact with a (host, port) that counts, not each try). No finding is made here.

Sources inside have room of their own and are told first: a public server is knocked at by hundreds
of strangers in an hour, and whoever forges addresses adds any number to them.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from collectors.network.detect.lru import Table
from collectors.network.detect.outcome import failed
from collectors.network.detect.places import Places
from collectors.network.model import HOUR, Direction, Finding, Flow, Seen

_MOST_CONTACTS = 16
_MOST_SOURCES = 500


class FirstContacts(msgspec.Struct, frozen=True, kw_only=True):
    """What one source tried for the first time since the last report."""

    source: bytes
    begin: int
    last: int
    failed: int
    succeeded: int
    direction: Direction
    targets: tuple[tuple[bytes, int], ...] = ()
    """Address and port of at most 8 that failed."""
    others: int = 0
    """Sources that are not told because more than 500 had something to tell; on the last one."""


class _Source:
    __slots__ = ("begin", "direction", "failed", "last", "seen", "succeeded", "targets")

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.direction = Direction.EXTERNAL
        self.begin = self.last = self.failed = self.succeeded = 0
        self.targets: list[tuple[bytes, int]] = []


class Contacts:
    """Counts; what was counted in an hour is handed out by `drain`."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Flow,)

    def __init__(self, limit: int = 8192, places: Places | None = None) -> None:
        self._limit = limit
        self._places = places or Places()
        # Outside, inside.
        self._sources: tuple[Table[bytes, _Source], ...] = (Table(limit), Table(limit))
        self._busy: tuple[dict[bytes, _Source], ...] = ({}, {})
        self._since = 0
        self._told: list[FirstContacts] = []

    def see(self, record: Seen) -> tuple[Finding, ...]:
        """Take a flow."""
        if not isinstance(record, Flow):
            return ()
        conn = record.conn
        outcome = failed(record)
        inside = self._places.inside(conn.client)
        sources, busy = self._sources[inside], self._busy[inside]
        source = sources.get(conn.client)
        if outcome is None or (source is None and not outcome):
            return ()
        if source is None:
            source = sources[conn.client] = _Source()
        contact = hash((conn.server, conn.server_port, conn.proto))
        if contact in source.seen or len(source.seen) >= _MOST_CONTACTS:
            return ()
        source.seen.add(contact)
        source.begin = source.begin or record.begin
        source.last = record.last
        source.direction = conn.direction
        source.failed += outcome
        source.succeeded += not outcome
        if outcome and len(busy) < self._limit:
            busy[conn.client] = source
        if outcome and len(source.targets) < 8:
            source.targets.append((conn.server, conn.server_port))
        return ()

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Close the hour when it is over."""
        if not self._since or now < self._since:
            self._since = now
        if now - self._since >= HOUR:
            self._since = now
            self._close()
        return ()

    def drain(self) -> list[FirstContacts]:
        """Return the counters of the hours that ended since the last call, at most 500 of each."""
        told, self._told = self._told, []
        return told

    def evicted(self) -> int:
        """Return how many sources were forgotten for want of room."""
        return sum(one.evicted for one in self._sources)

    def _close(self) -> None:
        outside, inside = (
            sorted(one.items(), key=lambda pair: -pair[1].failed) for one in self._busy
        )
        busy = [*inside, *outside]
        self._busy = ({}, {})
        told = [
            FirstContacts(
                source=address,
                begin=one.begin,
                last=one.last,
                failed=one.failed,
                succeeded=one.succeeded,
                direction=one.direction,
                targets=tuple(one.targets),
            )
            for address, one in busy[:_MOST_SOURCES]
        ]
        if len(busy) > _MOST_SOURCES:
            told[-1] = msgspec.structs.replace(told[-1], others=len(busy) - _MOST_SOURCES)
        # Whoever does not fetch them gets the newest.
        self._told = [*self._told, *told][-4 * _MOST_SOURCES :]
        for _, one in busy:
            one.begin = one.failed = one.succeeded = 0
            one.targets = []
