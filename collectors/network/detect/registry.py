"""All detectors, and the driver that shows them the records.

`make` returns the detectors that the settings leave on. `Detectors` takes records of any kind in
the order of the packets and gives back findings: each told once per entity and quiet period, at
once again when it became more severe; more entities of one rule than an hour allows are counted
together in one finding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from collectors.network.detect.arp import ArpSpoof
from collectors.network.detect.beacon import Beacon
from collectors.network.detect.brute import Brute
from collectors.network.detect.contacts import Contacts, FirstContacts
from collectors.network.detect.dns_generated import DnsGenerated
from collectors.network.detect.dns_tunnel import DnsTunnel
from collectors.network.detect.exfil import Exfil
from collectors.network.detect.icmp_tunnel import IcmpTunnel
from collectors.network.detect.ioc import Indicators
from collectors.network.detect.ioc_match import IocMatch
from collectors.network.detect.listener import Listener
from collectors.network.detect.loss import CaptureStats, Loss
from collectors.network.detect.lru import Table
from collectors.network.detect.mining import Mining
from collectors.network.detect.names import Names
from collectors.network.detect.peer import Peer
from collectors.network.detect.places import Places
from collectors.network.detect.scan import Scan
from collectors.network.detect.settings import DetectSettings
from collectors.network.detect.shell import Shell
from collectors.network.detect.weakness import Weakness
from collectors.network.detect.web import Web
from collectors.network.model import HOUR, MINUTE, SECOND, Detector, Finding, Flow, Seen

MEMORY_VERSION = 1
_MOST_FAULTS = 3
_MOST_CRITICAL = 500
"""Entities an hour of one rule where it is critical: more than that are made up."""
_RANK = {"low": 0, "medium": 1, "high": 2, "critical": 3}


class Shared:
    """What several detectors ask."""

    def __init__(self, settings: DetectSettings, indicators: Indicators | None = None) -> None:
        self.settings = settings
        self.indicators = indicators
        self.places = Places(settings.inside)
        self.names = Names()


Factory: TypeAlias = Callable[[Shared], Detector]

DETECTORS: dict[str, Factory] = {
    "scan": lambda s: Scan(s.settings.scan, s.places),
    "brute": lambda s: Brute(s.settings.brute, s.places),
    "beacon": lambda s: Beacon(s.settings.beacon, s.places, s.names),
    "dns_tunnel": lambda s: DnsTunnel(s.settings.dns),
    "dns_generated": lambda s: DnsGenerated(s.settings.dns),
    "icmp_tunnel": lambda s: IcmpTunnel(s.settings.icmp, s.places),
    "arp": lambda s: ArpSpoof(s.settings.arp),
    "exfil": lambda s: Exfil(s.settings.exfil, s.places, s.names),
    "listener": lambda s: Listener(s.settings.listener, s.places),
    "peer": lambda s: Peer(s.settings.peer, s.places, s.names),
    "shell": lambda _: Shell(),
    "mining": lambda _: Mining(),
    "web": lambda s: Web(s.settings.web),
    "ioc": lambda s: IocMatch(s.indicators, s.places),
    "weakness": lambda s: Weakness(s.settings.weakness, s.places),
    "loss": lambda s: Loss(s.settings.loss),
    "contacts": lambda s: Contacts(2 * s.settings.scan.sources, s.places),
}
"""By the names that the setting ``off`` takes."""


@runtime_checkable
class Remembers(Protocol):
    """A detector that learns; what it learned outlives the child."""

    def save(self) -> bytes:
        """Return what was learned."""

    def restore(self, data: bytes) -> None:
        """Take what `save` gave.

        Raises:
            ValueError: it is none of ours.
        """


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A detector failed on a record. Holds no text of the record."""

    detector: str
    error: str
    """Type and place."""
    stopped: bool
    """It failed too often and is shown nothing more."""


def make(settings: DetectSettings, indicators: Indicators | None = None) -> list[Detector]:
    """Return the detectors that are on. What others ask comes first.

    Without *indicators* nothing is compared with lists.
    """
    shared = Shared(settings, indicators)
    made = (factory(shared) for name, factory in DETECTORS.items() if name not in settings.off)
    return [shared.names, *made]


class _Told:
    __slots__ = ("at", "count", "held", "rank")

    def __init__(self, at: int, rank: int) -> None:
        self.at = at
        self.rank = rank
        self.held = 0
        self.count = 0


class _Hour:
    """How much of one rule was told in this hour."""

    __slots__ = ("entities", "findings", "last", "more", "since")

    def __init__(self, since: int) -> None:
        self.since = since
        self.entities = self.more = self.findings = 0
        self.last: Finding | None = None


class Detectors:
    """Shows records to detectors; see the head of the module."""

    def __init__(self, detectors: Sequence[Detector], settings: DetectSettings) -> None:
        self._settings = settings
        self._quiet = settings.quiet * SECOND
        self._detectors = list(detectors)
        self._routes: dict[type, list[tuple[Callable[[Seen], Iterable[Finding]], Detector]]] = {}
        for detector in detectors:
            for kind in detector.takes:
                self._routes.setdefault(kind, []).append((detector.see, detector))
        self._told: Table[tuple[str, str], _Told] = Table(4096)
        self._hours: dict[str, _Hour] = {}
        self._faults: list[Fault] = []
        self._failed: dict[int, int] = {}
        self._next = 0
        self.now = 0
        """Time of the newest record."""

    def see(self, record: Seen | CaptureStats) -> list[Finding]:
        """Show one record to those who take its kind."""
        route = self._routes.get(type(record))
        if route is None:
            return []
        at: int = record.last if type(record) is Flow else record.at  # type: ignore[union-attr]
        found: list[Finding] = []
        if at >= self._next:
            found += self.tick(at)
        elif at < self._next - 3 * HOUR:
            self._next = at + MINUTE  # another capture, or a clock that was set back
            self.now = at
        elif at > self.now:
            self.now = at
        for see, detector in route:
            try:
                told = see(record)  # type: ignore[arg-type]
                if told:
                    for finding in told:
                        found += self._once(finding)
            except Exception as error:  # noqa: BLE001 - a detector's fault stops no other
                self._fault(detector, error)
        return found

    def many(self, records: Iterable[Seen]) -> list[Finding]:
        """Show several records."""
        return [finding for record in records for finding in self.see(record)]

    def tick(self, now: int) -> list[Finding]:
        """Let detectors take note of the time. `see` calls it once a minute of packet time."""
        self._next = now + MINUTE
        self.now = now
        found: list[Finding] = []
        for detector in list(self._detectors):
            try:
                for finding in detector.tick(now):
                    found += self._once(finding)
            except Exception as error:  # noqa: BLE001
                self._fault(detector, error)
        return found + self._close_hours(now)

    def finish(self) -> list[Finding]:
        """Let all come to a verdict: the capture is over."""
        end = self.now + HOUR + MINUTE
        return [*self.tick(end), *self._close_hours(end + HOUR)]

    def indicate(self, indicators: Indicators) -> None:
        """Compare with this table from now on; the one before is unmapped."""
        for detector in self._detectors:
            if isinstance(detector, IocMatch):
                detector.use(indicators)

    def contacts(self) -> list[FirstContacts]:
        """Return the counters of failed first contacts for the collector."""
        return [
            one
            for detector in self._detectors
            if isinstance(detector, Contacts)
            for one in detector.drain()
        ]

    def faults(self) -> list[Fault]:
        """Return what went wrong since the last call."""
        faults, self._faults = self._faults, []
        return faults

    def evicted(self) -> dict[str, int]:
        """Return how many keys each detector had to forget, since the start."""
        return {type(one).__name__.lower(): one.evicted() for one in self._detectors}

    def save(self) -> bytes:
        """Return what the detectors learned."""
        learned = {
            type(one).__name__: one.save() for one in self._detectors if isinstance(one, Remembers)
        }
        return msgspec.msgpack.encode((MEMORY_VERSION, learned))

    def restore(self, data: bytes) -> list[str]:
        """Take what `save` gave; return the names of detectors that could not use theirs."""
        try:
            version, learned = msgspec.msgpack.decode(data, type=tuple[int, dict[str, bytes]])
        except msgspec.MsgspecError:
            return ["all"]
        if version != MEMORY_VERSION:
            return ["all"]
        refused = []
        for one in self._detectors:
            name = type(one).__name__
            if isinstance(one, Remembers) and name in learned:
                try:
                    one.restore(learned[name])
                except ValueError:
                    refused.append(name.lower())
        return refused

    def _once(self, finding: Finding) -> list[Finding]:
        key = (finding.rule, finding.entity)
        rank = _RANK.get(finding.severity, 0)
        told = self._told.get(key)
        quiet = self._quiet if rank < _RANK["critical"] else min(self._quiet, HOUR)
        if told is not None and rank <= told.rank and abs(finding.at - told.at) < quiet:
            told.held += 1
            told.count += finding.count
            return []
        if told is None and not self._has_room(finding):
            return []
        if told is not None and told.held:
            numbers = {
                **finding.numbers,
                "held_back": float(told.held),
                "held_back_count": float(told.count),
            }
            finding = msgspec.structs.replace(finding, numbers=numbers)
        self._told[key] = _Told(finding.at, rank)
        return [finding]

    def _has_room(self, finding: Finding) -> bool:
        hour = self._hours.get(finding.rule)
        if hour is None:
            hour = self._hours[finding.rule] = _Hour(finding.at)
        critical = finding.severity == "critical"
        if hour.entities < (_MOST_CRITICAL if critical else self._settings.entities_per_hour):
            hour.entities += 1
            return True
        hour.more += 1
        hour.findings += finding.count
        if hour.last is None or _RANK[hour.last.severity] <= _RANK.get(finding.severity, 0):
            hour.last = finding
        return False

    def _close_hours(self, now: int) -> list[Finding]:
        found = []
        for rule, hour in list(self._hours.items()):
            if abs(now - hour.since) < HOUR:
                continue
            del self._hours[rule]
            if hour.last is not None:
                found.append(
                    msgspec.structs.replace(
                        hour.last,
                        begin=hour.since,
                        entity="",
                        count=hour.findings,
                        numbers={"more_entities": float(hour.more)},
                    )
                )
        return found

    def _fault(self, detector: Detector, error: Exception) -> None:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = "?"
        if trace is not None:
            where = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        count = self._failed[id(detector)] = self._failed.get(id(detector), 0) + 1
        stopped = count >= _MOST_FAULTS
        if stopped:
            self._detectors.remove(detector)
            self._routes = {
                kind: [one for one in route if one[1] is not detector]
                for kind, route in self._routes.items()
            }
        name = type(detector).__name__.lower()
        self._faults.append(
            Fault(detector=name, error=f"{type(error).__name__} at {where}", stopped=stopped)
        )
