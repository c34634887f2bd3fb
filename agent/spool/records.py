"""Values that the spool hands around. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from collectors.kinds import Severity, SpoolDropped
from collectors.wire import Malformed, Skipped, decode_event, encode_event

PINNED = int(Severity.CRITICAL) + 1
"""Storage class of tombstones: never evicted, for they carry the counts of what was."""


class Pending(NamedTuple):
    """One batch: *bodies* and *skipped* together settle every sequence from first to last."""

    bodies: list[bytes]
    skipped: list[Skipped]
    first: int
    last: int
    epoch: int

    @property
    def empty(self) -> bool:
        """Say whether there is nothing to send."""
        return self.last < self.first

    @property
    def sequences(self) -> list[int]:
        """Return the sequences of *bodies*, ascending."""
        gaps = [range(gap.first, gap.last + 1) for gap in self.skipped]
        inside = range(self.first, self.last + 1)
        return [number for number in inside if not any(number in gap for gap in gaps)]


@dataclass
class Tally:
    """What one round of eviction took."""

    counts: dict[int, int] = field(default_factory=dict)
    """Severity to number of events."""
    first: int = 0
    last: int = 0
    begin: int = 0
    end: int = 0

    def add(self, sequence: int, severity: int, created: int) -> None:
        """Count one event."""
        if not self.counts:
            self.first = self.last = sequence
            self.begin = self.end = created
        self.counts[severity] = self.counts.get(severity, 0) + 1
        self.first, self.last = min(self.first, sequence), max(self.last, sequence)
        self.begin, self.end = min(self.begin, created), max(self.end, created)

    def tombstone(self, earlier: SpoolDropped | None) -> SpoolDropped:
        """Return the record that tells of this round and of *earlier* ones together."""
        counts = dict(earlier.counts) if earlier else {}
        for severity, number in self.counts.items():
            name = Severity(severity).name.lower()
            counts[name] = counts.get(name, 0) + number
        if earlier is None:
            return SpoolDropped(
                counts=counts, first=self.first, last=self.last, begin=self.begin, end=self.end
            )
        return SpoolDropped(
            counts=counts,
            first=min(earlier.first, self.first),
            last=max(earlier.last, self.last),
            begin=min(earlier.begin, self.begin),
            end=max(earlier.end, self.end),
        )


@dataclass(frozen=True)
class ClassCount:
    """How much of one class waits."""

    events: int
    bytes: int


@dataclass(frozen=True)
class SpoolStatus:
    """For ``status``, ``spool show`` and the heartbeat."""

    epoch: int
    last: int
    """Highest sequence assigned."""
    acknowledged: int
    events: int
    bytes: int
    """Of event bodies."""
    oldest: int | None
    """When the oldest waiting event was made, ns since 1970."""
    quarantined: int
    by_class: dict[str, ClassCount]


def renumber(body: bytes, sequence: int) -> bytes:
    """Return *body* with another sequence; a damaged one as it is, for the collector to refuse."""
    try:
        event = decode_event(body)
    except Malformed:
        return body
    event["event.sequence"] = sequence
    return encode_event(event)
