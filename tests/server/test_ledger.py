"""Range arithmetic, held against plain sets."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from server.ledger import EXPIRED, HELD, Ledger, Range, RangeSet, Stored

RANGES = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 6)).map(lambda pair: (pair[0], sum(pair))),
    max_size=12,
)


def members(ranges: Iterable[tuple[int, int]]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(RANGES, st.integers(1, 50), st.integers(0, 10))
def test_range_set_is_a_set(ranges: list[tuple[int, int]], first: int, length: int) -> None:
    whole, found = members(ranges), RangeSet(ranges)
    kept = list(found)
    assert all(one.last + 1 < two.first for one, two in itertools.pairwise(kept))
    assert members(kept) == whole
    assert found.count() == len(whole)
    assert found.highest() == max(whole, default=0)
    assert {number for number in range(60) if number in found} == whole
    missing = found.missing(first, first + length)
    assert members(missing) == members([(first, first + length)]) - whole
    contiguous = found.contiguous()
    assert members([(1, contiguous)]) <= whole
    assert contiguous + 1 not in whole


@given(RANGES, RANGES)
def test_a_copy_is_independent(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    original = RangeSet(one)
    other = original.copy()
    for item in two:
        other.add(*item)
    assert original == RangeSet(one)
    assert other == RangeSet(one + two)


def test_nothing_is_acknowledged_without_the_first() -> None:
    ledger = Ledger.load([Stored("a", 1, HELD, 0, 2, 9)])
    assert ledger.acknowledged("a", 1) == 0
    assert ledger.highest("a", 1) == 9
    assert ledger.acknowledged("b", 1) == 0


def test_skipped_sequences_are_passed_over() -> None:
    rows = [Stored("a", 1, HELD, 0, 1, 3), Stored("a", 1, "spool_full", 1, 4, 6)]
    ledger = Ledger.load([*rows, Stored("a", 1, EXPIRED, 0, 7, 8)])
    assert ledger.acknowledged("a", 1) == 8


def test_an_event_that_was_announced_as_lost_and_came_is_held() -> None:
    rows = [Stored("a", 1, "spool_full", 1, 1, 6), Stored("a", 1, HELD, 0, 3, 4)]
    (report,) = Ledger.load(rows).report()
    assert [(gap.first, gap.last, gap.cause) for gap in report.gaps] == [
        (1, 2, "spool_full"),
        (5, 6, "spool_full"),
    ]
    assert (report.received, report.dropped, report.lost, report.waiting) == (2, 4, 0, 0)


def test_report_says_what_is_waiting_and_what_is_lost() -> None:
    ledger = Ledger.load([Stored("a", 5, HELD, 0, 1, 3), Stored("a", 9, HELD, 0, 2, 2)])
    first, second = ledger.report({("a", 5): 7, ("a", 9): 4})
    assert first.ended
    assert [tuple(item) for item in first.held] == [(1, 3)]
    assert [(gap.first, gap.last, gap.cause) for gap in first.gaps] == [(4, 7, "lost")]
    assert (first.acknowledged, first.assigned, first.lost, first.waiting) == (3, 7, 4, 0)
    assert not second.ended
    assert [(gap.first, gap.last, gap.cause) for gap in second.gaps] == [
        (1, 1, "waiting"),
        (3, 4, "waiting"),
    ]
    assert (second.lost, second.waiting) == (0, 3)


def test_an_epoch_of_which_nothing_came_ends_the_one_before() -> None:
    ledger = Ledger.load([Stored("a", 5, HELD, 0, 1, 3)])
    first, second = ledger.report({("a", 5): 4, ("a", 6): 2})
    assert (first.ended, first.lost) == (True, 1)
    assert (second.ended, second.waiting, second.received) == (False, 2, 0)


def test_an_entry_is_a_copy_until_it_is_put_in_force() -> None:
    ledger = Ledger()
    entry = ledger.entry("a", 1)
    entry.hold(1, 5)
    assert entry.skip(4, 8, "spool_full", 0) == [Range(6, 8)]
    assert ledger.acknowledged("a", 1) == 0
    ledger.replace("a", 1, entry)
    assert ledger.acknowledged("a", 1) == 8


@given(st.permutations([("held", 1, 4), ("spool_full", 3, 6), ("expired", 8, 9)]))
def test_order_of_rows_does_not_matter(rows: list[tuple[str, int, int]]) -> None:
    stored = [Stored("a", 1, cause, 0, first, last) for cause, first, last in rows]
    (report,) = Ledger.load(stored).report()
    assert (report.received, report.dropped, report.acknowledged) == (6, 2, 6)
