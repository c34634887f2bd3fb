"""The keyed hash of many numbers at once: as `signatures.edm.scalar`, in numpy."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from signatures.edm.scalar import LENGTH, START

Hashes: TypeAlias = NDArray[np.uint64]

_PIECE = 1 << 14
"""Numbers at a time: four state words and the input stay in the second-level cache."""


def hash_numbers(key: tuple[int, int], values: Hashes) -> Hashes:
    """Return the hash of each of *values*."""
    result = np.empty(len(values), np.uint64)
    for start in range(0, len(values), _PIECE):
        result[start : start + _PIECE] = _hash(key, values[start : start + _PIECE])
    return result


def _hash(key: tuple[int, int], block: Hashes) -> Hashes:
    state = [
        np.full(len(block), start ^ part, np.uint64)
        for start, part in zip(START, key * 2, strict=True)
    ]
    spare = np.empty(len(block), np.uint64)
    for message in (block, np.uint64(LENGTH)):
        state[3] ^= message
        _rounds(state, spare, 2)
        state[0] ^= message
    state[2] ^= np.uint64(0xFF)
    _rounds(state, spare, 4)
    result: Hashes = state[0] ^ state[1] ^ state[2] ^ state[3]
    return result


def _rounds(state: list[Hashes], spare: Hashes, count: int) -> None:
    v0, v1, v2, v3 = state  # worked on in place
    for _ in range(count):
        v0 += v1
        _turn(v1, 13, spare)
        v1 ^= v0
        _turn(v0, 32, spare)
        v2 += v3
        _turn(v3, 16, spare)
        v3 ^= v2
        v0 += v3
        _turn(v3, 21, spare)
        v3 ^= v0
        v2 += v1
        _turn(v1, 17, spare)
        v1 ^= v2
        _turn(v2, 32, spare)


def _turn(value: Hashes, bits: int, spare: Hashes) -> None:
    np.right_shift(value, np.uint64(64 - bits), out=spare)
    np.left_shift(value, np.uint64(bits), out=value)
    value |= spare
