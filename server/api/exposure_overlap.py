"""The same values at two places, told from the tokens of findings alone. Pure.

A finding carries, for each type, the tokens of the 64 values that are smallest under a keyed order
that all hosts share (bottom-k sketch: Broder 1997; Cohen and Kaplan 2007). Up to 64 distinct values
these are all of them, and the overlap is exact. Above it: the larger set has the lower threshold,
so a value among its k smallest that the other set has too is always among that one's smallest. The
share p of common tokens therefore estimates which part of the larger set both have, with a standard
error of sqrt(p (1 - p) / k).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

SKETCH = 64
"""Tokens of one type in a finding, at most."""
MOST_HOLDERS = 200
"""Places of one token; a value that lies in more (a test number) links nobody."""

MOST_PAIRS = 1_000_000
"""Pairs of places that are compared: about 150 MB."""


class Side(NamedTuple):
    """The values of one type at one place."""

    exposure: str
    host: str
    opd: str
    path: str
    type: str
    distinct: int
    tokens: frozenset[str]


class Pair(NamedTuple):
    """Two places with common values."""

    left: Side
    right: Side
    shared: int
    """Common tokens: so many values are the same for certain."""
    estimate: int
    """Values in common, of all."""
    error: int
    """Standard error of the estimate; 0 when it is exact."""
    exact: bool


def compare(left: Side, right: Side) -> Pair:
    """Return what *left* and *right*, of the same type, have in common."""
    shared = len(left.tokens & right.tokens)
    larger, smaller = sorted((left, right), key=lambda side: side.distinct, reverse=True)
    if larger.distinct <= len(larger.tokens):  # every value of both has its token
        return Pair(left, right, shared, shared, 0, exact=True)
    k = max(1, len(larger.tokens))
    share = min(1.0, shared / k)
    # Never certain: with all or none of k in common the share is still only known to about 1 / k.
    spread = math.sqrt(max(share * (1 - share), (1 / k) * (1 - 1 / k)) / k)
    estimate = min(smaller.distinct, max(shared, round(share * larger.distinct)))
    error = min(smaller.distinct, math.ceil(spread * larger.distinct))
    return Pair(left, right, shared, estimate, error, exact=False)


GROUPS: dict[str, Callable[[Side], tuple[str, ...]]] = {
    "opd": lambda side: (side.opd,),
    "host": lambda side: (side.opd, side.host),
    "file": lambda side: (side.opd, side.host, side.path, side.exposure),
}


class Overlaps(NamedTuple):
    """What was found."""

    pairs: list[tuple[Pair, int]]
    """The pair of files with most in common for two groups and a type; how many pairs they have."""
    skipped: int
    """Tokens that lie at too many places."""
    stopped: bool = False
    """There were too many pairs; those with the rarest values were compared."""


def overlaps(sides: Sequence[Side], by: str, about: Iterable[str] | None = None) -> Overlaps:
    """Return which groups (``opd``, ``host`` or ``file``) share values, most first.

    *about* are ids of exposures one of which must be on one side; None is all.
    """
    holders: dict[tuple[str, str], list[int]] = {}
    for number, side in enumerate(sides):
        for token in side.tokens:
            holders.setdefault((side.type, token), []).append(number)
    wanted = None if about is None else set(about)
    candidates: set[tuple[int, int]] = set()
    skipped = 0
    stopped = False
    # The rarest first: an agent that was taken over may name any tokens.
    for places in sorted(holders.values(), key=len):
        if len(places) > MOST_HOLDERS:
            skipped += 1
            continue
        if len(candidates) >= MOST_PAIRS:
            stopped = True
            break
        candidates.update(itertools.combinations(places, 2))
    group = GROUPS[by]
    best: dict[tuple[tuple[str, ...], tuple[str, ...], str], tuple[Pair, int]] = {}
    for one, other in candidates:
        left, right = sorted((sides[one], sides[other]), key=group)
        if group(left) == group(right):
            continue
        if wanted is not None and wanted.isdisjoint((left.exposure, right.exposure)):
            continue
        pair = compare(left, right)
        key = group(left), group(right), left.type
        known = best.get(key)
        count = known[1] + 1 if known else 1
        if known is not None and _rank(known[0]) >= _rank(pair):
            pair = known[0]
        best[key] = pair, count
    ordered = sorted(best.values(), key=lambda found: (_rank(found[0]), found[1]), reverse=True)
    return Overlaps(ordered, skipped, stopped)


def _rank(pair: Pair) -> tuple[int, int, str, str]:
    return pair.estimate, pair.shared, pair.left.exposure, pair.right.exposure
