"""Many at once are as one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from signatures.edm.scalar import hash_number
from signatures.edm.vector import hash_numbers

WORD = st.integers(0, 2**64 - 1)


def test_nothing_gives_nothing() -> None:
    assert len(hash_numbers((1, 2), np.empty(0, np.uint64))) == 0


@given(st.tuples(WORD, WORD), st.lists(WORD, max_size=40))
def test_as_one_by_one(key: tuple[int, int], values: list[int]) -> None:
    found = hash_numbers(key, np.array(values, np.uint64)).tolist()
    assert found == [hash_number(key, value) for value in values]


def test_pieces_join() -> None:
    values = np.arange(50_000, dtype=np.uint64)
    found = hash_numbers((3, 4), values)
    assert found[33_333] == hash_number((3, 4), 33_333)
    assert len(np.unique(found)) == len(values)
    assert values[7] == 7
