"""What the sensor says of itself: packets and losses of each interface, and what is not watched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from collectors.api import Coverage
from collectors.network.messages import Count

_MOST = 64
"""Interfaces that are reported: where each container has a name of its own they never end."""


class Total:
    """Packets of one interface since the start."""

    __slots__ = ("acked", "dropped", "received", "unseen")

    def __init__(self) -> None:
        self.received = self.dropped = self.acked = self.unseen = 0

    def __str__(self) -> str:
        share = 100 * self.dropped / max(1, self.received)
        words = f"{self.received} packets, {self.dropped} lost ({share:.2f} %)"
        if not self.unseen:
            return words
        share = 100 * min(1.0, self.unseen / max(1, self.acked))
        return f"{words}, {share:.2f} % of acknowledged bytes never seen"


class Totals:
    """All interfaces."""

    def __init__(self) -> None:
        self._of: dict[str, Total] = {}

    def add(self, counts: Iterable[Count]) -> None:
        """Take what the child counted."""
        for count in counts:
            total = self._of.setdefault(count.interface, Total())
            total.received += count.received
            total.dropped += count.dropped
            total.acked += count.acked
            total.unseen += count.unseen

    def watched(self, names: Collection[str]) -> None:
        """Take note of what is watched now; of what is not, little is kept."""
        for name in names:
            self._of.setdefault(name, Total())
        if len(self._of) > _MOST:
            self._of = {name: self._of[name] for name in names}

    def renamed(self, names: Mapping[str, str]) -> None:
        """Go on under other names."""
        moved = {new: self._of.pop(old) for old, new in names.items() if old in self._of}
        self._of.update(moved)

    def words(self, down: Collection[str], refused: Mapping[str, str]) -> Coverage:
        """Return one line for each interface, and what all of them lost."""
        told: Coverage = {}
        for name, total in self._of.items():
            told[f"interface {name}"] = f"{total}, down" if name in down else str(total)
        for name, reason in refused.items():
            told[f"interface {name}"] = f"not watched: {reason}"
        totals = self._of.values()
        told["received"] = sum(one.received for one in totals)
        told["lost"] = sum(one.dropped for one in totals)
        acked = sum(one.acked for one in totals)
        unseen = sum(one.unseen for one in totals)
        told["unseen_percent"] = round(100 * min(1.0, unseen / max(1, acked)), 2)
        return told
