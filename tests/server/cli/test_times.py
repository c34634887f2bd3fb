"""A time that was not meant must be an error, never a guess."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.cli import times

NOW = 1_795_500_000 * 10**9 + 123
"""2026-11-24 06:00:00 UTC."""


@pytest.fixture(autouse=True)
def jakarta(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Jakarta")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "text", ["", "4", "h", "4 hours ago", "-4h", "4h ago", "yesterday", "2026-13-01", "25:00", "٤h"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        times.parse_moment(text, NOW)


@pytest.mark.parametrize("text", ["", "4", "1.5h", "101y", "٤h", "99999w"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"length of time|century"):
        times.parse_span(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2D", 172800), ("1w", 604800)],
)
def test_lengths(text: str, seconds: int) -> None:
    assert times.parse_span(text) == seconds
    assert times.parse_moment(text, NOW) == NOW - seconds * 10**9


def moment(*parts: int) -> int:
    return times.to_ns(datetime(*parts, tzinfo=timezone.utc))  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("07:30", moment(2026, 11, 24, 0, 30)),
        ("2026-11-24", moment(2026, 11, 23, 17)),
        ("2026-11-24T07:30", moment(2026, 11, 24, 0, 30)),
        ("2026-11-24 07:30:05", moment(2026, 11, 24, 0, 30, 5)),
        ("2026-11-24T07:30Z", moment(2026, 11, 24, 7, 30)),
        ("2026-11-24T07:30+08:00", moment(2026, 11, 23, 23, 30)),
    ],
)
def test_moments_without_a_zone_are_local(text: str, expected: int) -> None:
    assert times.parse_moment(text, NOW) == expected


def test_tables_show_local_time_with_seconds() -> None:
    assert times.local("2026-11-24T00:30:05.123456Z") == "2026-11-24 07:30:05"
    assert times.local("no time") == "no time"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-3, "0 s"),
        (59.6, "1 min"),
        (7500, "2 h 5 min"),
        (86400, "1 d"),
        (90061, "1 d 1 h"),
    ],
)
def test_spans_in_two_units(seconds: float, text: str) -> None:
    assert times.span(seconds) == text


@given(st.text())
def test_nothing_but_a_value_error_comes_out(text: str) -> None:
    try:
        result = times.parse_moment(text, NOW)
    except ValueError:
        return
    assert isinstance(result, int)
