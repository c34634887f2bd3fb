"""From what was seen to what is told: owners, detections, summaries. Runs in the child."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from collectors.kinds import NetworkContacts, Severity
from collectors.network.detect.contacts import FirstContacts
from collectors.network.detect.domains import registered
from collectors.network.detect.ioc import Indicators
from collectors.network.detect.loss import CaptureStats
from collectors.network.detect.registry import Detectors, make
from collectors.network.facts import Facts
from collectors.network.messages import Asked, Owner
from collectors.network.model import MINUTE, TCP, UDP, Conn, Direction, Flow, Seen
from collectors.network.outward import MODULE, address, finding
from collectors.network.settings import NetworkSettings
from collectors.network.summary import FlowSummary
from collectors.sighting import Sighting

_MOST_OWNERS = 20_000
_MOST_ASKED = 512
_MOST_TOLD = 4096
"""Sightings that wait for one answer; more are counted and dropped."""
_NOBODY = Owner()


class Records:
    """Takes records in the order of the packets; gives sightings."""

    def __init__(self, settings: NetworkSettings, memory: bytes = b"") -> None:
        """*memory* is what `learned` gave in a former life."""
        self._detectors = Detectors(make(settings.detect), settings.detect)
        self._faults: list[str] = []
        if memory:
            refused = self._detectors.restore(memory)
            self._faults += [f"{name} could not use what it had learned" for name in refused]
        self._summary = FlowSummary(settings.summary_lines)
        self._facts = Facts(registered, domains_only=settings.domains_only)
        self._owners: dict[int, Owner] = {}
        self._listeners: dict[str, Owner] = {}
        self._asked: dict[int, Asked] = {}
        self._wants_owners = settings.processes
        self._told: list[Sighting] = []
        self._dropped = 0
        self._counted: dict[str, CaptureStats] = {}
        """Of less than a minute; `at` is when it began."""
        self.urgent = False
        """Something waits that should not wait."""

    def own(self, owners: dict[int, Owner], listeners: dict[str, Owner] | None) -> None:
        """Take note of who holds sockets."""
        self._owners.update(owners)
        while len(self._owners) > _MOST_OWNERS:
            del self._owners[next(iter(self._owners))]
        if listeners is not None:
            self._listeners = listeners

    def indicate(self, indicators: Indicators) -> None:
        """Compare with this table from now on."""
        self._detectors.indicate(indicators)

    def lost(self, stats: CaptureStats) -> None:
        """Take note of what was counted on an interface since the last call."""
        sums = self._counted.setdefault(stats.interface, stats)
        if sums is not stats:
            sums = self._counted[stats.interface] = _together(sums, stats)
        if abs(stats.at - sums.at) >= MINUTE:
            self._count(stats.interface, stats.at)

    def _count(self, interface: str, now: int) -> None:
        sums = msgspec.structs.replace(self._counted.pop(interface), at=now)
        for found in self._detectors.see(sums):
            self._tell(finding(found))

    def began(self, conns: Iterable[Conn]) -> None:
        """Take note of new conversations: their owners are asked for while they live."""
        if not self._wants_owners:
            return
        for conn in conns:
            if len(self._asked) >= _MOST_ASKED:
                break
            if conn.proto not in (TCP, UDP) or conn.direction is Direction.EXTERNAL:
                continue
            if conn.direction is Direction.OUTBOUND:
                self._asked[conn.key] = Asked(
                    key=conn.key,
                    proto=conn.proto,
                    local=conn.client,
                    local_port=conn.client_port,
                    remote=conn.server,
                    remote_port=conn.server_port,
                )

    def asked(self) -> tuple[Asked, ...]:
        """Return the conversations whose owners are wanted, once."""
        asked, self._asked = self._asked, {}
        return tuple(asked.values())

    def owner(self, conn: Conn) -> Owner:
        """Return who holds this host's end of a conversation."""
        found = self._owners.get(conn.key)
        if found is None and conn.direction in (Direction.INBOUND, Direction.INTERNAL):
            found = self._listeners.get(f"{conn.proto}/{conn.server_port}")
        return found or _NOBODY

    def take(self, seen: Iterable[Seen]) -> None:
        """Take records."""
        for record in seen:
            if isinstance(record, Flow):
                owner = self.owner(record.conn)
                if owner.process or owner.user:
                    record = msgspec.structs.replace(  # noqa: PLW2901
                        record, process=owner.process, user=owner.user
                    )
                self._summary.see(record)
            else:
                conn = getattr(record, "conn", None)
                self._facts.see(record, self.owner(conn).process if conn else "")
            for found in self._detectors.see(record):
                self._tell(finding(found))

    def time(self, now: int, *, last: bool = False) -> None:
        """Take note of the time of the packets, ns since 1970."""
        if last:
            for interface in list(self._counted):
                self._count(interface, now)
            for found in self._detectors.finish():
                self._tell(finding(found))
        elif abs(now - self._detectors.now) >= MINUTE:
            for found in self._detectors.tick(now):
                self._tell(finding(found))
        for one in self._detectors.contacts():
            self._tell(_contacts(one))
        for sighting in self._summary.flush(now, last=last):
            self._tell(sighting)
        for sighting in self._facts.flush(now, last=last):
            self._tell(sighting)
        for fault in self._detectors.faults():
            words = f"{fault.detector}: {fault.error}"
            self._faults.append(f"{words}, stopped" if fault.stopped else words)

    def _tell(self, sighting: Sighting) -> None:
        if len(self._told) >= _MOST_TOLD:
            self._dropped += 1
            return
        self._told.append(sighting)
        if sighting.severity is not None and sighting.severity >= Severity.MEDIUM:
            self.urgent = True

    def told(self) -> tuple[Sighting, ...]:
        """Return what there is to tell, once."""
        told, self._told = self._told, []
        self.urgent = False
        return tuple(told)

    def faults(self) -> tuple[str, ...]:
        """Return what went wrong since the last call. No text from the wire is in it."""
        faults, self._faults = self._faults, []
        return tuple(faults)

    def learned(self) -> bytes:
        """Return what the detectors have learned."""
        return self._detectors.save()

    def evicted(self) -> dict[str, int]:
        """Return what was forgotten for want of room, by part."""
        return {
            **self._detectors.evicted(),
            "summary": self._summary.merged,
            "facts": self._facts.evicted,
            "records": self._dropped,
        }


def _together(one: CaptureStats, other: CaptureStats) -> CaptureStats:
    return CaptureStats(
        at=one.at,
        interface=one.interface,
        packets=one.packets + other.packets,
        dropped=one.dropped + other.dropped,
        acked=one.acked + other.acked,
        unseen=one.unseen + other.unseen,
        holes=one.holes + other.holes,
    )


def _contacts(one: FirstContacts) -> Sighting:
    record = NetworkContacts(
        source=address(one.source) or "",
        direction=one.direction.value,
        begin=one.begin,
        end=one.last,
        failed=one.failed,
        answered=one.succeeded,
        hosts=len({host for host, _ in one.targets}),
        ports=tuple(sorted({port for _, port in one.targets})),
    )
    return Sighting(record=record, observed=one.last, module=MODULE)
