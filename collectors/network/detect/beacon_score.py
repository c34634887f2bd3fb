"""Four scores of regularity, after RITA v5 (Active Countermeasures), from its documentation.

* time: of the intervals between connections, the mean of 1 - \\|Bowley skewness\\| and
  (median - MAD) / median;
* size: the same of the bytes that the client sent;
* histogram: connections in 24 equal parts of the time; the larger of 1 - coefficient of variation
  and the share of the parts that fit one of the two most frequent counts;
* duration: the larger of the covered share of the day and the longest run of busy hours over 12.

Each is 0 to 1 and weighs a quarter.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


class Scores(NamedTuple):
    """The four and their mean."""

    time: float
    size: float
    histogram: float
    duration: float

    @property
    def total(self) -> float:
        """Return the mean."""
        return (self.time + self.size + self.histogram + self.duration) / 4


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values: Sequence[float]) -> float:
    """Return the median; 0 of nothing."""
    return _quantile(sorted(values), 0.5) if values else 0.0


def deviation(values: Sequence[float], middle: float) -> float:
    """Return the median absolute deviation from *middle*."""
    return median([abs(value - middle) for value in values])


def regularity(values: Sequence[float]) -> float:
    """Return how symmetric and how narrow *values* lie, 0 to 1."""
    if not values:
        return 0.0
    ordered = sorted(values)
    low, middle, high = (_quantile(ordered, share) for share in (0.25, 0.5, 0.75))
    skew = 0.0
    if high != low and middle not in (low, high):
        skew = (low + high - 2 * middle) / (high - low)
    narrow = 0.0
    if middle > 0:
        narrow = max(0.0, (middle - deviation(values, middle)) / middle)
    return ((1 - abs(skew)) + narrow) / 2


def histogram(counts: Sequence[int]) -> float:
    """Return how even *counts* of equal parts of the time are, 0 to 1."""
    total = sum(counts)
    if not total:
        return 0.0
    mean = total / len(counts)
    spread = math.sqrt(sum((count - mean) ** 2 for count in counts) / len(counts))
    even = max(0.0, 1 - spread / mean)
    busy = [count for count in counts if count]
    bimodal = 0.0
    if len(busy) >= 11:  # fewer parts fit two counts by chance
        bimodal = sum(n for _, n in Counter(busy).most_common(2)) / len(counts)
    return max(even, min(1.0, bimodal))


def duration(hours: Sequence[int], whole: float) -> float:
    """Return how long it went on: *hours* are counts in turn, *whole* their share of the day."""
    run = longest = 0
    for count in hours:
        run = run + 1 if count else 0
        longest = max(longest, run)
    return min(1.0, max(whole, longest / 12))


def scores(times: Sequence[float], sizes: Sequence[float], *, day: float = 86_400.0) -> Scores:
    """Return the four scores of connections at ascending *times* in seconds."""
    if len(times) < 4:
        return Scores(0.0, 0.0, 0.0, 0.0)
    span = times[-1] - times[0]
    if span <= 0:
        return Scores(0.0, 0.0, 0.0, 0.0)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    parts = [0] * 24
    hours = [0] * (int(min(span, 7 * day) // 3600) + 1)
    for time in times:
        parts[min(23, int((time - times[0]) / span * 24))] += 1
        hours[min(len(hours) - 1, int((time - times[0]) / 3600))] += 1
    return Scores(
        regularity([gap for gap in gaps if gap > 0]),
        regularity(sizes),
        histogram(parts),
        duration(hours, span / day),
    )
