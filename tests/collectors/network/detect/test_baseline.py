"""What must not happen: the usual looks far away, or hostile state raises late."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.detect.baseline import HourOfWeek, robust_z
from collectors.network.model import HOUR


def test_what_is_always_the_same_is_near() -> None:
    assert robust_z(100.0, [100.0] * 9) == 0
    assert robust_z(104.0, [100.0] * 9) < 1
    assert robust_z(500.0, []) == 0


def test_what_is_far_is_far() -> None:
    assert robust_z(500.0, [90.0, 100.0, 110.0, 95.0, 105.0]) > 6


def test_this_hour_of_the_week_before_this_hour_of_all_days() -> None:
    week = HourOfWeek()
    for day in range(7):
        week.add(day * 24 * HOUR, float(day))
    assert week.usual(0) == [float(day) for day in range(7)]
    assert week.usual(5 * HOUR) == []
    for _ in range(20):
        week.add(0, 9.0)
    assert week.usual(0) == [9.0] * 8
    assert HourOfWeek(week.slots()).usual(0) == [9.0] * 8


def test_a_week_has_168_hours() -> None:
    with pytest.raises(ValueError, match="168"):
        HourOfWeek([[1.0]])


@given(st.floats(0, 1e15), st.lists(st.floats(0, 1e15), max_size=50))
def test_always_a_number(value: float, usual: list[float]) -> None:
    assert robust_z(value, usual) == robust_z(value, usual)
