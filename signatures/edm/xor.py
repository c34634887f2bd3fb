"""A static filter of 64-bit hashes with 32-bit fingerprints: xor filter (Graf, Lemire 2020).

About 4.92 bytes for each entry; every entry is found, always; another hash is found with a chance
of 2**-32. Made at once, never changed: `signatures.edm.form` maps it into memory. Peeling runs in
rounds over numpy arrays: all keys that stand alone in a cell are taken off together.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from signatures.edm.vector import Hashes

Cells: TypeAlias = NDArray[np.uint32]
Places: TypeAlias = NDArray[np.int64]

FALSE = 2.0**-32
"""Chance that a hash that is no entry is found."""
_ROOM = 1.23
_MOST_SEEDS = 64
_PIECE = 1 << 16


class Filter(NamedTuple):
    """Three blocks of cells."""

    seed: int
    block: int
    """Cells of one block."""
    cells: Cells

    def contains(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Return which of *hashes* are entries (or, rarely, look like one)."""
        found = np.zeros(len(hashes), np.bool_)
        if self.block:
            for start in range(0, len(hashes), _PIECE):
                piece = slice(start, start + _PIECE)
                found[piece] = self.differences(hashes[piece]) == 0
        return found

    def differences(self, hashes: Hashes) -> Cells:
        """Return how the cells differ from each fingerprint: zero for an entry, else anything."""
        mixed = _mix(hashes, self.seed)
        first, second, third = _places(mixed, self.block)
        result: Cells = _fingerprints(mixed) ^ self.cells[first]
        result ^= self.cells[second]
        result ^= self.cells[third]
        return result


def build(hashes: Hashes) -> Filter:
    """Return the filter of the distinct *hashes*.

    Raises:
        RuntimeError: no seed works: what was given are no hashes.
    """
    entries = np.unique(hashes)
    block = (int(_ROOM * len(entries)) + 32) // 3 if len(entries) else 0
    if not block:
        return Filter(0, 0, np.empty(0, np.uint32))
    for seed in range(1, _MOST_SEEDS):
        mixed = _mix(entries, seed)
        order = _peel(mixed, block)
        if order is not None:
            return Filter(seed, block, _fill(mixed, order, block))
    raise RuntimeError("no seed works for this filter")


def _mix(hashes: Hashes, seed: int) -> Hashes:
    # Finaliser of splitmix64: the input is a keyed hash already, this only makes seeds differ.
    mixed = hashes + np.uint64(seed * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _places(mixed: Hashes, block: int) -> tuple[Places, Places, Places]:
    low = np.uint64(0xFFFFFFFF)
    size, shift = np.uint64(block), np.uint64(32)
    turned = [mixed]
    turned += [(mixed << np.uint64(bits)) | (mixed >> np.uint64(64 - bits)) for bits in (21, 42)]
    first, second, third = (((one & low) * size >> shift).astype(np.int64) for one in turned)
    second += block
    third += 2 * block
    return first, second, third


def _fingerprints(mixed: Hashes) -> Cells:
    folded = (mixed ^ np.uint64(0xD6E8FEB86659FD93)) * np.uint64(0xA0761D6478BD642F)
    result: Cells = (folded >> np.uint64(32)).astype(np.uint32)
    return result


class _Round(NamedTuple):
    keys: Places
    cells: Places


def _peel(mixed: Hashes, block: int) -> list[_Round] | None:
    """Return, round by round, which key is the last one in which cell; None for a bad seed."""
    places = np.stack(_places(mixed, block))
    count = np.bincount(places.ravel(), minlength=3 * block).astype(np.int32)
    keys = np.zeros(3 * block, np.int64)
    numbers = np.arange(len(mixed), dtype=np.int64)
    for row in places:
        np.add.at(keys, row, numbers)  # a cell with one key holds its number
    left = len(mixed)
    alone = np.flatnonzero(count == 1)
    rounds = []
    while len(alone):
        taken, first = np.unique(keys[alone], return_index=True)
        rounds.append(_Round(taken, alone[first]))
        left -= len(taken)
        touched = places[:, taken]
        for row in touched:
            np.add.at(count, row, -1)
            np.add.at(keys, row, -taken)
        cells = np.unique(touched)
        alone = cells[count[cells] == 1]
    return None if left else rounds


def _fill(mixed: Hashes, rounds: list[_Round], block: int) -> Cells:
    cells = np.zeros(3 * block, np.uint32)
    for one in reversed(rounds):
        part = mixed[one.keys]
        first, second, third = _places(part, block)
        # The own cell is still zero: no later key stands in it.
        cells[one.cells] = _fingerprints(part) ^ cells[first] ^ cells[second] ^ cells[third]
    return cells
