"""What must not happen: a mistyped value taken for another."""

from __future__ import annotations

import pytest

from collectors.quantities import parse_duration, parse_size


@pytest.mark.parametrize(
    "text",
    ["", "5", "m", "-1s", "5 minutes", "1e9s", "5m5s", "nan", "400d", "\u0665s"],
)
def test_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("200ms", 0.2), ("5m", 300), (" 1.5 h ", 5400), ("1d", 86400), (7, 7), (0.5, 0.5)],
)
def test_durations(value: str | float, seconds: float) -> None:
    assert parse_duration(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "wrong", ["", "x", "-1", "1.5GiB", -1, None, True, "1 PiB", "MiB", "\u0665", 1.5]
)
def test_not_a_size(wrong: object) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(wrong)


def test_too_large() -> None:
    with pytest.raises(ValueError, match="over 1024 TiB"):
        parse_size("9999999 GiB")


@pytest.mark.parametrize(
    ("text", "size"),
    [("1GiB", 1 << 30), ("64 kib", 65536), ("7", 7), (12, 12), ("3M", 3 << 20), ("9 B", 9)],
)
def test_sizes(text: object, size: int) -> None:
    """Units are powers of 1024."""
    assert parse_size(text) == size
