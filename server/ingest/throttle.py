"""How often one address may fail."""

from __future__ import annotations

from collections import OrderedDict

_REMEMBERED = 10_000
"""Addresses; the one that failed longest ago is forgotten first."""


class Throttle:
    """Counts failures per key in a fixed window. Pure: no clock."""

    def __init__(self, limit: int, period: float) -> None:
        """Allow *limit* failures in *period* seconds."""
        self._limit = limit
        self._period = period
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def allows(self, key: str, now: float) -> bool:
        """Say whether *key* may try."""
        start, count = self._failures.get(key, (now, 0))
        return count < self._limit or now - start >= self._period

    def fail(self, key: str, now: float) -> None:
        """Count a failure of *key*."""
        start, count = self._failures.pop(key, (now, 0))
        if now - start >= self._period:
            start, count = now, 0
        self._failures[key] = (start, count + 1)
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)
