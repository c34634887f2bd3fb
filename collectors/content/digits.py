"""Digit runs of a block, and the groups of runs that an identifier may be written as."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

NPWP = (2, 3, 3, 1, 3, 3)
"""99.999.999.9-999.999: the separators tell, so they have to be these."""


_SEPARATORS = np.zeros(256, bool)
_SEPARATORS[list(b" ._-")] = True


_AS_NULL = bytes.maketrans(b"123456789", b"000000000")


def may_hold(data: bytes, least: int) -> bool:
    """Tell whether *data* may hold a candidate of *least* digits: most text does not.

    Digits without their separators become a run of nulls; searching for one is quicker than
    looking at all runs of a block.
    """
    return b"0" * least in data.translate(_AS_NULL, b" ._-")


class Candidates(NamedTuple):
    """All groups of runs of one shape in a block."""

    shape: tuple[int, ...]
    starts: Ints
    digits: Bytes
    """One row for each candidate, one column for each digit, values 0 to 9."""


def candidates(block: Bytes, shapes: Iterable[tuple[int, ...]]) -> Iterator[Candidates]:
    """Yield the candidates of each of *shapes* that occurs in *block*.

    A shape is the lengths of digit groups; one separator stands between two.
    """
    starts, lengths = _runs(block)
    if not len(starts):
        return
    present = set(np.flatnonzero(np.bincount(np.minimum(lengths, 32))).tolist())
    joined: Bools | None = None
    for shape in shapes:
        if not present.issuperset(shape):
            continue
        if joined is None:
            joined = _joined(block, starts, lengths)
        first = _of_shape(shape, lengths, joined)
        if shape == NPWP and len(first):
            first = first[_is_dotted(block, starts[first])]
        if len(first):
            yield Candidates(shape, starts[first], _digits(block, starts, first, shape))


def _runs(block: Bytes) -> tuple[Ints, Ints]:
    is_digit = (block - np.uint8(48)) < 10  # wraps below "0", so one comparison is enough
    edges = np.flatnonzero(is_digit[1:] != is_digit[:-1]) + 1
    if len(block) and is_digit[0]:
        edges = np.concatenate(([0], edges))
    if len(block) and is_digit[-1]:
        edges = np.concatenate((edges, [len(block)]))
    return edges[0::2], edges[1::2] - edges[0::2]


def _joined(block: Bytes, starts: Ints, lengths: Ints) -> Bools:
    ends = starts[:-1] + lengths[:-1]
    joined: Bools = (starts[1:] - ends == 1) & _SEPARATORS[block[ends]]
    return joined


def _of_shape(shape: tuple[int, ...], lengths: Ints, joined: Bools) -> Ints:
    count = len(lengths) - len(shape) + 1
    if count <= 0:
        return np.empty(0, np.int64)
    first = np.flatnonzero(lengths[:count] == shape[0])
    for offset, length in enumerate(shape[1:], 1):
        if not len(first):
            break
        first = first[(lengths[first + offset] == length) & joined[first + (offset - 1)]]
    return first


def _is_dotted(block: Bytes, starts: Ints) -> Bools:
    last = block[starts + 12]
    dotted: Bools = (last == 45) | (last == 46)  # both are printed
    for offset in (2, 6, 10, 16):
        dotted &= block[starts + offset] == 46
    return dotted


def _digits(block: Bytes, starts: Ints, first: Ints, shape: tuple[int, ...]) -> Bytes:
    columns = [
        block[starts[first + offset][:, None] + np.arange(length)]
        for offset, length in enumerate(shape)
    ]
    joined: Bytes = columns[0] if len(columns) == 1 else np.hstack(columns)
    return joined - np.uint8(48)
