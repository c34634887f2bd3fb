"""Walks from record to record of a capture file in many places at once, with numpy.

Each record tells how long it is, so that where one begins is known only from the one before: a loop
that no array can take over. But where a record begins can be guessed: the upper half of its time
hardly changes within a file. So the stretch is cut into segments, a beginning is guessed in each,
and all segments are walked over together. A guess counts only if the walk from the beginning lands
exactly on it; one that was wrong is stepped over one record after another. So the result is that of
the plain walk, whatever the bytes are.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from collectors.network.arrays import Bools, Ints

SEGMENT = 64 << 10
"""Bytes that one chain walks over."""
_REACH = 1600
"""Bytes that are searched for a beginning: a packet of Ethernet and its record."""
_FEW = 40
"""So many chains are not worth an array."""
_EVERY = 8
"""Steps until those that have arrived fall out."""
_SIZE = 8
"""Where in a record the number of its bytes stands."""
_LEAST = _SIZE + 4


class Layout(NamedTuple):
    """What records look like."""

    order: str
    """Byte order, as `struct` names it."""
    header: int
    """Bytes before each packet, at least 12."""


def walk(data: memoryview, begin: int, layout: Layout) -> tuple[Ints, int]:
    """Return where whole records begin in *data* from *begin* on, and where the first other one is.

    That one is not whole, or fewer bytes than tell its size are left.
    """
    if len(data) - begin < _LEAST:
        return np.zeros(0, np.int64), begin
    starts = _guess(data, begin, layout)
    limits = np.append(starts[1:], len(data))
    steps = _steps(data, starts, limits, layout)
    inside = steps < limits[:, np.newaxis]
    last = steps[np.arange(len(starts)), np.count_nonzero(inside, axis=1) - 1]
    ends = _after(data, last, layout)
    if (ends[:-1] == starts[1:]).all():
        found = steps[inside]
    else:
        found = _mended(data, steps, inside, ends, layout)
    end = int(_after(data, found[-1:], layout)[0])
    if end > len(data):
        return found[:-1], int(found[-1])
    return found, end


def _sizes(data: memoryview) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Return a view that has the size of the record that begins at byte i as its element i."""
    shape = np.dtype((np.void, 4))
    return np.ndarray((len(data) - _LEAST + 1,), shape, buffer=data, offset=_SIZE, strides=(1,))


def _after(data: memoryview, at: Ints, layout: Layout) -> Ints:
    """Return where the records at *at* end; beyond the data where they have no size."""
    last = len(data) - _LEAST
    size = _sizes(data)[np.minimum(at, last)].view(f"{layout.order}u4")
    ends: Ints = np.where(at > last, len(data) + 1, at + size + layout.header)
    return ends


def _guess(data: memoryview, begin: int, layout: Layout) -> Ints:
    """Return *begin* and where records seem to begin, in order."""
    spots = np.arange(begin + SEGMENT, len(data) - _REACH - SEGMENT // 2, SEGMENT)
    upper = 2 if layout.order == "<" else 0
    shape = np.dtype((np.void, _REACH + 4))
    places = np.ndarray((max(len(data) - _REACH - 3, 0),), shape, buffer=data, strides=(1,))
    rows = places[spots].view(np.uint8).reshape(len(spots), _REACH + 4)
    like: Bools = rows[:, upper:][:, :_REACH] == data[begin + upper]
    like &= rows[:, upper + 1 :][:, :_REACH] == data[begin + upper + 1]
    first = like.argmax(axis=1)
    there = like[np.arange(len(spots)), first]
    return np.concatenate((np.array([begin]), (spots + first)[there]))


def _steps(data: memoryview, starts: Ints, limits: Ints, layout: Layout) -> Ints:
    """Return the steps of each chain as a row, those of before its limit first."""
    order, header = layout
    sizes, last, shape = _sizes(data), len(data) - _LEAST, f"{order}u4"
    place, limit, chains = starts, limits, np.arange(len(starts))
    parts: list[tuple[Ints, Ints]] = []
    while len(chains) >= _FEW:
        part = np.empty((_EVERY, len(place)), np.int64)
        for step in part:
            step[:] = place
            place = place + sizes[np.minimum(place, last)].view(shape)
            place += header
        parts.append((chains, part))
        left = np.flatnonzero(place < limit)
        chains, place, limit = chains[left], place[left], limit[left]
    rest = [
        _plain(data, *pair, layout) for pair in zip(place.tolist(), limit.tolist(), strict=True)
    ]
    depth = _EVERY * len(parts)
    most = depth + max(map(len, rest), default=0)
    steps = np.full((len(starts), most), np.iinfo(np.int64).max)
    for number, (which, part) in enumerate(parts):
        steps[which, _EVERY * number : _EVERY * (number + 1)] = part.T
    for chain, found in zip(chains.tolist(), rest, strict=True):
        steps[chain, depth : depth + len(found)] = found
    return steps


def _plain(data: memoryview, place: int, limit: int, layout: Layout) -> list[int]:
    """Walk one by one from *place* up to *limit*."""
    found: list[int] = []
    add, header = found.append, layout.header
    unpack = struct.Struct(f"{layout.order}{_SIZE}xI").unpack_from
    readable = min(limit, len(data) - _LEAST + 1)
    while place < readable:
        add(place)
        place += header + unpack(data, place)[0]
    if place < limit:
        add(place)
    return found


def _mended(data: memoryview, steps: Ints, inside: Bools, ends: Ints, layout: Layout) -> Ints:
    """Return the steps without those of wrong guesses."""
    starts = steps[:, 0].tolist()
    pieces: list[Ints] = []
    end = starts[0]
    for chain, start in enumerate(starts):
        if end < start:
            missed = _plain(data, end, start, layout)
            pieces.append(np.array(missed, np.int64))
            end = int(_after(data, pieces[-1][-1:], layout)[0])
        if end == start:
            pieces.append(steps[chain][inside[chain]])
            end = int(ends[chain])
    if end < len(data):
        pieces.append(np.array(_plain(data, end, len(data), layout), np.int64))
    return np.concatenate(pieces)
