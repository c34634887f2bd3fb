"""What must not happen: people look regular, or hostile numbers raise."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from collectors.network.detect.beacon_score import histogram, median, regularity, scores


def people(seed: int, count: int = 300) -> tuple[list[float], list[float]]:
    dice = random.Random(seed)
    times = sorted(dice.gauss(43_200, 12_000) % 86_400 for _ in range(count))
    return times, [dice.lognormvariate(7, 1.2) for _ in range(count)]


def test_people_score_low() -> None:
    assert all(scores(*people(seed)).total < 0.75 for seed in range(20))


def test_a_clock_with_jitter_scores_high() -> None:
    for seed in range(20):
        dice = random.Random(seed)
        times, now = [], 0.0
        while now < 43_200:
            now += 60 * dice.uniform(0.8, 1.2)
            times.append(now)
        assert scores(times, [512.0] * len(times)).total > 0.9


def test_few_or_simultaneous_connections_score_nothing() -> None:
    assert scores([1.0, 2.0, 3.0], [1.0] * 3).total == 0
    assert scores([5.0] * 50, [1.0] * 50).total == 0
    assert regularity([]) == 0
    assert histogram([0] * 24) == 0
    assert median([]) == 0


def test_two_bursts_an_hour_fit_two_counts() -> None:
    assert histogram([3, 7] * 12) == 1
    assert histogram([24] + [0] * 23) == 0


@given(
    st.lists(st.floats(0, 1e10), max_size=200),
    st.lists(st.floats(0, 1e12), max_size=200),
)
def test_always_a_share(times: list[float], sizes: list[float]) -> None:
    each = scores(sorted(times), sizes)
    assert all(0 <= value <= 1 for value in (*each, each.total))
