"""The filter: an entry is never missed; others are found about once in 2**32."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signatures.edm.xor import build

HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=400)


def test_an_empty_filter_holds_nothing() -> None:
    empty = build(np.empty(0, np.uint64))
    assert not empty.contains(np.arange(1000, dtype=np.uint64)).any()
    assert empty.cells.nbytes == 0


@given(HASHES, HASHES)
def test_no_entry_is_missed_and_others_are_not_found(entries: list[int], others: list[int]) -> None:
    made = build(np.array(entries, np.uint64))
    assert made.contains(np.array(entries, np.uint64)).all()
    strangers = np.array(sorted(set(others) - set(entries)), np.uint64)
    assert not made.contains(strangers).any()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60_000), st.integers(0, 2**32))
def test_no_entry_is_missed_in_large_ones(size: int, seed: int) -> None:
    entries = np.random.default_rng(seed).integers(0, 2**63, size).astype(np.uint64)
    made = build(entries)
    assert made.contains(entries).all()
    assert made.cells.nbytes <= 4.92 * size + 160


def test_values_in_a_row_are_no_worse() -> None:
    # As the hash of nothing: what is given are not hashes, and the filter holds all the same.
    entries = np.arange(10_000, dtype=np.uint64)
    assert build(entries).contains(entries).all()


@pytest.mark.parametrize("bits", [range(16), range(8, 24), range(16, 32)], ids=str)
def test_the_rate_of_strangers_that_are_found(bits: range) -> None:
    """As many of 2**32 as chance says, seen on 16 of the 32 bits, where there are some to count."""
    generator = np.random.default_rng()
    made = build(generator.integers(0, 2**63, 100_000).astype(np.uint64))
    strangers = generator.integers(2**63, 2**64, 4_000_000, np.uint64)
    part = (made.differences(strangers) >> np.uint32(bits.start)) & np.uint32(0xFFFF)
    expected = len(strangers) * 2.0**-16
    assert abs(int((part == 0).sum()) - expected) < 6 * expected**0.5
