"""Which sequences the collector holds, which will never come and why, and which are missing.

Pure arithmetic on ranges of whole numbers, both ends included. The first sequence of an epoch is 1.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

HELD = "held"
EXPIRED = "expired"
"""Held once; retention has removed the day file since."""
CAUSES = ("spool_full", "quarantined")
"""Why an agent says that a sequence will never come."""


class Range(NamedTuple):
    """Sequences first..last."""

    first: int
    last: int


class Stored(NamedTuple):
    """A row of a day file's table of ranges."""

    agent: str
    epoch: int
    cause: str
    """`HELD`, `EXPIRED` or what the agent said about a sequence that will never come."""
    severity: int
    """Of skipped events; 0 otherwise."""
    first: int
    last: int


class RangeSet:
    """Disjoint ranges in order, never adjacent."""

    __slots__ = ("_first", "_last")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._first: list[int] = []
        self._last: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def __iter__(self) -> Iterator[Range]:
        return map(Range, self._first, self._last)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RangeSet) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it can change

    def __bool__(self) -> bool:
        return bool(self._first)

    def __contains__(self, sequence: int) -> bool:
        index = bisect_right(self._first, sequence) - 1
        return index >= 0 and sequence <= self._last[index]

    def __repr__(self) -> str:
        return f"RangeSet({[tuple(item) for item in self]})"

    def copy(self) -> RangeSet:
        """Return another set of the same ranges."""
        other = RangeSet()
        other._first = self._first.copy()
        other._last = self._last.copy()
        return other

    def add(self, first: int, last: int) -> None:
        """Add first..last, joining what touches."""
        low = bisect_left(self._last, first - 1)
        high = bisect_right(self._first, last + 1)
        if low < high:
            first = min(first, self._first[low])
            last = max(last, self._last[high - 1])
        self._first[low:high] = [first]
        self._last[low:high] = [last]

    def missing(self, first: int, last: int) -> list[Range]:
        """Return the parts of first..last that are not in the set."""
        result = []
        position = first
        for index in range(bisect_left(self._last, first), len(self._first)):
            if self._first[index] > last:
                break
            if self._first[index] > position:
                result.append(Range(position, self._first[index] - 1))
            position = self._last[index] + 1
        if position <= last:
            result.append(Range(position, last))
        return result

    def contiguous(self) -> int:
        """Return the highest n such that 1..n are all in the set, 0 when 1 is not."""
        return self._last[0] if self._first and self._first[0] <= 1 else 0

    def highest(self) -> int:
        """Return the greatest member, 0 when there is none."""
        return self._last[-1] if self._last else 0

    def pieces(self) -> int:
        """Return of how many ranges the set consists."""
        return len(self._first)

    def count(self) -> int:
        """Return how many sequences are in the set."""
        return sum(self._last) - sum(self._first) + len(self._first)


class Entry:
    """What is known about one (agent, epoch)."""

    __slots__ = ("held", "settled", "skipped")

    def __init__(self) -> None:
        self.held = RangeSet()
        """Committed in the store, now or once."""
        self.skipped: dict[tuple[str, int], RangeSet] = {}
        """(cause, severity) to what the agent said will never come."""
        self.settled = RangeSet()
        """Both together: what need not be sent again."""

    def copy(self) -> Entry:
        """Return an independent copy, to change and then keep or throw away."""
        other = Entry()
        other.held = self.held.copy()
        other.settled = self.settled.copy()
        other.skipped = {key: ranges.copy() for key, ranges in self.skipped.items()}
        return other

    def hold(self, first: int, last: int) -> None:
        """Note that first..last are stored."""
        self.held.add(first, last)
        self.settled.add(first, last)

    def skip(self, first: int, last: int, cause: str, severity: int) -> list[Range]:
        """Note that first..last will never come; return the parts not settled before."""
        fresh = self.settled.missing(first, last)
        for part in fresh:
            self.skipped.setdefault((cause, severity), RangeSet()).add(*part)
        self.settled.add(first, last)
        return fresh


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Sequences that the collector does not hold."""

    first: int
    last: int
    cause: str
    """``spool_full``, ``quarantined``: dropped, as the agent said; ``waiting``: still expected
    from a running epoch; ``lost``: the epoch is over and they never came."""
    severity: int = 0

    @property
    def count(self) -> int:
        """Return how many sequences these are."""
        return self.last - self.first + 1


class EpochReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``ronda delivery`` says about one epoch of one agent."""

    agent: str
    epoch: int
    held: list[Range]
    gaps: list[Gap]
    acknowledged: int
    assigned: int
    """Highest sequence that the agent is known to have used."""
    ended: bool
    """True when the agent has begun another epoch since."""
    received: int
    """How many events the collector holds."""
    dropped: int
    """How many the agent dropped with a reason."""
    waiting: int
    """How many the agent still has to deliver."""
    lost: int
    """How many nobody can account for."""


class Ledger:
    """All entries. Not safe for several threads."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, int], Entry] = {}
        self._epochs: dict[str, int] = {}

    @classmethod
    def load(cls, rows: Iterable[Stored]) -> Ledger:
        """Return the ledger that the day files' rows amount to, in any order."""
        ledger = cls()
        skipped = []
        for row in rows:
            if row.cause in {HELD, EXPIRED}:
                ledger._change(row.agent, row.epoch).hold(row.first, row.last)
            else:
                skipped.append(row)
        for row in skipped:
            entry = ledger._change(row.agent, row.epoch)
            entry.skip(row.first, row.last, row.cause, row.severity)
        return ledger

    def _change(self, agent: str, epoch: int) -> Entry:
        entry = self._entries.get((agent, epoch))
        if entry is None:
            entry = self._entries[agent, epoch] = Entry()
            self._epochs[agent] = max(epoch, self._epochs.get(agent, 0))
        return entry

    def entry(self, agent: str, epoch: int) -> Entry:
        """Return a copy of what is known about *epoch* of *agent*."""
        entry = self._entries.get((agent, epoch))
        return entry.copy() if entry else Entry()

    def replace(self, agent: str, epoch: int, entry: Entry) -> None:
        """Put *entry* in force, after the commit that makes it true."""
        self._entries[agent, epoch] = entry
        self._epochs[agent] = max(epoch, self._epochs.get(agent, 0))

    def acknowledged(self, agent: str, epoch: int) -> int:
        """Return the highest sequence up to which everything is settled; 0 when nothing is."""
        entry = self._entries.get((agent, epoch))
        return entry.settled.contiguous() if entry else 0

    def pieces(self, agent: str, epoch: int) -> int:
        """Return in how many ranges lies what is settled: each costs memory and time."""
        entry = self._entries.get((agent, epoch))
        return entry.settled.pieces() if entry else 0

    def highest(self, agent: str, epoch: int) -> int:
        """Return the highest sequence that is settled; 0 when none is."""
        entry = self._entries.get((agent, epoch))
        return entry.settled.highest() if entry else 0

    def report(self, assigned: Mapping[tuple[str, int], int] | None = None) -> list[EpochReport]:
        """Return one report for each epoch, by agent and epoch.

        Args:
            assigned: highest sequence used, as heartbeats said, by (agent, epoch).
        """
        known = dict(assigned or {})
        newest = dict(self._epochs)
        for agent, epoch in known:
            newest[agent] = max(epoch, newest.get(agent, 0))
        return [
            _report(
                agent,
                epoch,
                self._entries.get((agent, epoch)) or Entry(),
                known.get((agent, epoch), 0),
                ended=epoch < newest[agent],
            )
            for agent, epoch in sorted(self._entries.keys() | known.keys())
        ]


def _report(agent: str, epoch: int, entry: Entry, assigned: int, *, ended: bool) -> EpochReport:
    assigned = max(assigned, entry.settled.highest())
    gaps = []
    for (cause, severity), ranges in entry.skipped.items():
        for skipped in ranges:
            # An event may come although its loss was announced: then it is held after all.
            gaps += [
                Gap(first=part.first, last=part.last, cause=cause, severity=severity)
                for part in entry.held.missing(*skipped)
            ]
    dropped = sum(gap.count for gap in gaps)
    unexplained = entry.settled.missing(1, assigned)
    cause = "lost" if ended else "waiting"
    gaps += [Gap(first=part.first, last=part.last, cause=cause) for part in unexplained]
    missing = sum(part.last - part.first + 1 for part in unexplained)
    return EpochReport(
        agent=agent,
        epoch=epoch,
        held=list(entry.held),
        gaps=sorted(gaps, key=lambda gap: gap.first),
        acknowledged=entry.settled.contiguous(),
        assigned=assigned,
        ended=ended,
        received=entry.held.count(),
        dropped=dropped,
        waiting=0 if ended else missing,
        lost=missing if ended else 0,
    )
