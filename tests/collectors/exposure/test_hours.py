"""What must not happen: the sweep runs in office hours, or never."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.exposure.hours import ALWAYS, Hours


def at(hour: int, minute: int = 0) -> float:
    """Return a time of a day without a change of daylight saving time, in this machine's zone."""
    return time.mktime((2026, 1, 14, hour, minute, 0, 0, 0, -1))


@pytest.mark.parametrize(
    "text", ["", "20-06", "24:00-06:00", "20:60-06:00", "6:00-20:00", "20:00-20:00", "never"]
)
def test_what_is_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not hours"):
        Hours(text)


@pytest.mark.parametrize(
    ("now", "wait"),
    [((12, 0), 8 * 3600), ((19, 59), 60), ((20, 0), 0), ((5, 59), 0), ((6, 0), 14 * 3600)],
)
def test_over_midnight(now: tuple[int, int], wait: float) -> None:
    assert Hours("20:00-06:00").wait(at(*now)) == wait


@pytest.mark.parametrize(
    ("now", "wait"), [((0, 0), 3600), ((1, 0), 0), ((4, 59), 0), ((5, 0), 20 * 3600)]
)
def test_within_a_day(now: tuple[int, int], wait: float) -> None:
    assert Hours("01:00-05:00").wait(at(*now)) == wait


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_after_the_wait_work_is_allowed(begin: int, end: int, now: int) -> None:
    if begin == end:
        return
    hours = Hours(f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}")
    moment = at(now // 60, now % 60)
    wait = hours.wait(moment)
    assert 0 <= wait < 86400
    assert hours.wait(moment + wait) == 0


def test_always() -> None:
    assert all(Hours(ALWAYS).wait(at(hour)) == 0 for hour in range(24))
