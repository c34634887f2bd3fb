"""Counting distinct values, and choosing the few whose tokens leave the host.

A keyed mixing function orders all values; the smallest are kept. Hosts with one fleet key keep
the same ones, so their tokens meet. The order is not secret-grade; only tokens (HMAC) leave.
"""

from __future__ import annotations

import numpy as np

from collectors.content.validate import Numbers
from collectors.redact import Redactor

KEPT = 4096
"""Distinct values are counted exactly up to here; above it the error is about 1.6 %."""


class Sketch:
    """The smallest values of one type under the keyed order."""

    def __init__(self, type_: str, redactor: Redactor) -> None:
        seed = redactor.token("order", type_)
        self._keys = (np.uint64(int(seed[:16], 16)), np.uint64(int(seed[16:], 16) | 1))
        self._order: Numbers = np.empty(0, np.uint64)
        self._values: Numbers = np.empty(0, np.uint64)

    def add(self, values: Numbers) -> None:
        """Take note of *values*, repetitions included."""
        order = _mix(values, *self._keys)
        if len(self._order) >= KEPT:
            small = order <= self._order[-1]
            order, values = order[small], values[small]
        order, index = np.unique(np.concatenate((self._order, order)), return_index=True)
        values = np.concatenate((self._values, values))[index]
        self._order, self._values = order[:KEPT], values[:KEPT]

    def merge(self, other: Sketch) -> None:
        """Add what *other*, of the same type, has seen."""
        self.add(other._values)

    def distinct(self) -> int:
        """Return the number of distinct values: exact below `KEPT`."""
        if len(self._order) < KEPT:
            return len(self._order)
        return round((KEPT - 1) / (float(self._order[-1]) / 2.0**64))

    def smallest(self, count: int) -> Numbers:
        """Return up to *count* values: the same ones on every host."""
        return self._values[:count]


def _mix(values: Numbers, add: np.uint64, multiply: np.uint64) -> Numbers:
    # Finaliser of splitmix64 (Steele, Lea, Flood 2014) around a keyed affine step: a bijection,
    # so distinct values have distinct places.
    mixed = values * multiply + add
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
