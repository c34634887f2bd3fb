"""People of the operator's registers: how many stand in a file, and how sure that is.

Two things can make a number look registered: the filter (one in 2**32), and chance (a number made
up for a test may be somebody's). What is reported keeps both below one finding in a million: so
many numbers have to meet that chance explains them with less than that (Poisson), and at least half
of all have to; or the name, or another column, of the same person stands beside one of them.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from collectors.content.digits import Ints
from collectors.content.result import RegisterSeen
from collectors.content.sketch import Sketch
from collectors.content.validate import Numbers
from collectors.redact import Redactor
from signatures.edm.form import BadRegister
from signatures.edm.lookup import Lookup
from signatures.edm.scalar import value_key
from signatures.edm.values import SPACE, fold, pair_hash, pair_key
from signatures.edm.vector import hash_numbers
from signatures.edm.xor import FALSE

ERROR = 1e-6
"""False findings for each finding, at most."""
_AROUND = 200
"""Bytes on each side of a number in which another column is looked for."""
_MOST_CHECKED = 2000
"""Numbers of a file and register whose surroundings are looked at."""
_MOST_CANDIDATES = 80
_MANY = 500
"""Expected by chance, from which on Poisson is near enough to normal."""
_SPLIT = re.compile(r"[,;\t|\"'<>{}()\[\]=:\r\n]+")
_SAME = {"nik": ("nik", "kk"), "kk": ("nik", "kk")}
"""Both have one form: which one a column holds is judged later."""


class _Key(NamedTuple):
    device: int
    inode: int
    size: int


class Registers:
    """The registers in use, mapped once for all files."""

    def __init__(self, key: bytes, redactor: Redactor) -> None:
        """*key* is the fleet key."""
        self._key = key
        self.redactor = redactor
        self.pair_key = pair_key(key)
        self._open: dict[_Key, Lookup] = {}
        self._hash_keys: dict[str, tuple[int, int]] = {}

    def attach(self, descriptors: Sequence[int]) -> dict[int, Lookup]:
        """Return the registers behind *descriptors* by place; one that is damaged holds nobody."""
        found: dict[_Key, Lookup] = {}
        places = {}
        for place, descriptor in enumerate(descriptors):
            status = os.fstat(descriptor)
            key = _Key(status.st_dev, status.st_ino, status.st_size)
            try:
                found[key] = self._open.get(key) or Lookup(descriptor)
            except (BadRegister, OSError, ValueError):
                continue
            places[place] = found[key]
        self._open = found
        return places

    def hash_numbers(self, type_: str, values: Numbers) -> Numbers:
        """Return the keyed hashes of *values*."""
        key = self._hash_keys.get(type_)
        if key is None:
            key = self._hash_keys[type_] = value_key(self._key, type_)
        return hash_numbers(key, values)


class _Count:
    """One type of number and one register in one file."""

    def __init__(self, type_: str, redactor: Redactor) -> None:
        self.type = type_
        self.looked = 0
        self.matched = 0
        self.checked = 0
        self.confirmed = 0
        self.sketch = Sketch(type_, redactor)


class People:
    """What was seen of the registers in one file."""

    def __init__(self, registers: Registers, lookups: Mapping[int, Lookup]) -> None:
        self._registers = registers
        self._lookups = lookups
        self._counts: dict[tuple[int, str], _Count] = {}

    def __bool__(self) -> bool:
        """Tell whether a number of a register was seen."""
        return any(count.matched for count in self._counts.values())

    def see(self, type_: str, values: Numbers, hashes: Numbers, data: bytes, starts: Ints) -> None:
        """Look up valid numbers of a column of *type_*, which stand at *starts* of *data*."""
        for index, lookup in self._lookups.items():
            for section in _SAME.get(type_, (type_,)):
                if section in lookup.numbers:
                    count = self._counts.get((index, section))
                    if count is None:
                        count = _Count(section, self._registers.redactor)
                        self._counts[index, section] = count
                    count.looked += len(values)
                    found = np.flatnonzero(lookup.contains(section, hashes))
                    if len(found):
                        count.matched += len(found)
                        count.sketch.add(values[found])
                        self._confirm(lookup, count, values[found], data, starts[found])

    def wants(self, type_: str) -> bool:
        """Tell whether a register has numbers of *type_*."""
        sections = _SAME.get(type_, (type_,))
        return any(one in lookup.numbers for lookup in self._lookups.values() for one in sections)

    def _confirm(
        self, lookup: Lookup, count: _Count, values: Numbers, data: bytes, starts: Ints
    ) -> None:
        if count.type not in lookup.pairs:
            return
        room = _MOST_CHECKED - count.checked
        for value, start in zip(values[:room].tolist(), starts[:room].tolist(), strict=True):
            count.checked += 1
            hashes = [
                pair_hash(self._registers.pair_key, value, text) for text in around(data, start)
            ]
            count.confirmed += lookup.confirms(count.type, hashes)

    def told(self) -> tuple[RegisterSeen, ...]:
        """Return what is more than chance."""
        return tuple(
            RegisterSeen(
                register=index,
                type=type_,
                count=count.matched,
                distinct=min(count.matched, count.sketch.distinct()),
                confirmed=count.confirmed,
                sure=sure,
            )
            for (index, type_), count in self._counts.items()
            for sure in self._judge(index, type_, count)
        )

    def _judge(self, index: int, type_: str, count: _Count) -> Iterator[bool]:
        enough = count.matched >= least(count.looked, self._lookups[index].entries[type_], type_)
        if count.confirmed:
            yield True
        elif count.matched and enough:
            yield 2 * count.matched >= count.looked


def least(looked: int, entries: int, type_: str) -> int:
    """Return how many of *looked* numbers have to meet before chance is below `ERROR`. Pure."""
    expected = looked * (FALSE + entries / SPACE[type_])
    if expected > _MANY:  # exp() would be nothing; six deviations are far beyond one in a million
        return math.ceil(expected + 6 * math.sqrt(expected))
    term = math.exp(-expected)
    beyond, number = -math.expm1(-expected), 1
    while beyond >= ERROR and number < looked:
        term *= expected / number
        beyond -= term
        number += 1
    return number


def around(data: bytes, start: int) -> list[str]:
    """Return what stands around *start*, folded as the columns of a register are. Pure."""
    text = data[max(0, start - _AROUND) : start + _AROUND].decode("utf-8", "replace")
    found: dict[str, None] = {}
    for piece in _SPLIT.split(text):
        words = piece.split()
        for length in range(min(4, len(words)), 0 if len(words) == 1 else 1, -1):
            for first in range(len(words) - length + 1):
                folded = fold(" ".join(words[first : first + length]))
                if len(folded) >= 3:
                    found[folded] = None
        if len(found) >= _MOST_CANDIDATES:
            break
    return list(found)[:_MOST_CANDIDATES]
