"""What is usual: amounts by hour of the week, and how far one lies from them.

Robust z-score (Iglewicz, Hoaglin: How to Detect and Handle Outliers, 1993): 0.6745 times the
distance from the median over the median absolute deviation. Amounts that are always the same have
no deviation; a twentieth of the median stands in for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from collectors.network.detect.beacon_score import deviation, median
from collectors.network.model import HOUR

WEEK = 168
_WEEKS = 8


def robust_z(value: float, usual: Sequence[float]) -> float:
    """Return how many deviations *value* lies above what is *usual*; 0 where nothing is known."""
    if not usual:
        return 0.0
    middle = median(usual)
    spread = max(deviation(usual, middle), middle / 20, 1.0)
    return 0.6745 * (value - middle) / spread


class HourOfWeek:
    """Amounts of the last eight weeks, by hour of the week."""

    def __init__(self, slots: Sequence[Sequence[float]] = ()) -> None:
        if len(slots) not in (0, WEEK):
            raise ValueError("a week has 168 hours")
        self._slots = [list(slot[-_WEEKS:]) for slot in slots] or [[] for _ in range(WEEK)]

    def add(self, at: int, amount: float) -> None:
        """Remember the amount of the hour of *at*."""
        slot = self._slots[at // HOUR % WEEK]
        slot.append(amount)
        del slot[:-_WEEKS]

    def usual(self, at: int, least: int = 3) -> list[float]:
        """Return the amounts of this hour of the week; of this hour of all days until known."""
        hour = at // HOUR % WEEK
        if len(self._slots[hour]) >= least:
            return self._slots[hour]
        same = [amount for day in range(7) for amount in self._slots[(hour + day * 24) % WEEK]]
        return same if len(same) >= least else []

    def slots(self) -> list[list[float]]:
        """Return what `HourOfWeek` takes."""
        return self._slots
