"""Overlap from tokens: never more than there is, and the estimate holds against real sets."""

from __future__ import annotations

import random

import pytest

from server.api import exposure_overlap
from server.api.exposure_overlap import SKETCH, Side, compare, overlaps

SEED = random.SystemRandom().randrange(2**32)


def side(name: str, values: set[int], type_: str = "nik", opd: str = "") -> Side:
    """Return what an agent tells of *values*, which stand for places in the keyed order."""
    kept = frozenset(f"{value:032x}" for value in sorted(values)[:SKETCH])
    return Side(name, f"host-{name}", opd or f"opd-{name}", f"/{name}", type_, len(values), kept)


def test_nothing_in_common_gives_nothing() -> None:
    assert overlaps([side("a", {1, 2}), side("b", {3, 4})], "opd").pairs == []
    assert overlaps([side("a", {1}), side("b", {1}, "kk")], "opd").pairs == []
    assert overlaps([], "file").pairs == []


def test_one_opd_does_not_overlap_with_itself() -> None:
    sides = [side("a", {1}, opd="x"), side("b", {1}, opd="x")]
    assert overlaps(sides, "opd").pairs == []
    assert [count for _, count in overlaps(sides, "host").pairs] == [1]


def test_few_values_are_counted_exactly() -> None:
    pair = compare(side("a", {1, 2, 3}), side("b", {2, 3, 4, 5}))
    assert (pair.shared, pair.estimate, pair.error, pair.exact) == (2, 2, 0, True)


@pytest.mark.parametrize(("left", "right", "both"), [(20_000, 20_000, 5_000), (50_000, 900, 450)])
def test_many_values_are_estimated_within_the_error(left: int, right: int, both: int) -> None:
    rng = random.Random(SEED)
    wrong = 0
    for _ in range(60):
        values = rng.sample(range(2**62), left + right - both)
        one, other = set(values[:left]), set(values[left - both :])
        pair = compare(side("a", one), side("b", other))
        assert pair.shared <= both
        assert pair.estimate <= min(left, right)
        assert not pair.exact
        wrong += abs(pair.estimate - both) > 4 * pair.error + 1
    assert wrong <= 1, f"seed {SEED}"


def test_a_group_shows_its_best_pair_and_counts_the_others() -> None:
    sides = [
        side("a", {1, 2, 3}, opd="x"),
        side("b", {1}, opd="x"),
        side("c", {1, 2, 3, 4}, opd="y"),
    ]
    ((pair, count),) = overlaps(sides, "opd").pairs
    assert ({pair.left.exposure, pair.right.exposure}, pair.estimate, count) == ({"a", "c"}, 3, 2)
    ((about, number),) = overlaps(sides, "opd", about=["b"]).pairs
    assert (about.estimate, number) == (1, 1)


def test_a_value_that_lies_everywhere_links_nobody_and_is_told() -> None:
    found = overlaps([side(str(number), {7}) for number in range(201)], "opd")
    assert (found.pairs, found.skipped) == ([], 1)


def test_an_agent_that_lies_about_its_files_cannot_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exposure_overlap, "MOST_PAIRS", 1000)
    liars = [side(f"l{n}", {n // 50}) for n in range(400)]  # 8 values in 50 files each: 9800 pairs
    honest = [side("a", {10**6, 10**6 + 1}), side("b", {10**6, 10**6 + 1})]
    found = overlaps([*liars, *honest], "file")
    assert len(found.pairs) < 2500
    assert found.stopped
    assert {"a", "b"} in [{pair.left.exposure, pair.right.exposure} for pair, _ in found.pairs]
    assert not overlaps(honest, "file").stopped
