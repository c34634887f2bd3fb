"""Synthetic citizens: numbers of the right form that nobody was given."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from signatures.identifiers.base import luhn

REGIONS = ("157101", "150104", "317101", "357801", "517103", "110507")


@st.composite
def niks(draw: st.DrawFn) -> str:
    day = draw(st.integers(1, 28)) + draw(st.sampled_from([0, 40]))
    return (
        f"{draw(st.sampled_from(REGIONS))}{day:02d}{draw(st.integers(1, 12)):02d}"
        f"{draw(st.integers(0, 99)):02d}{draw(st.integers(1, 9999)):04d}"
    )


@st.composite
def kks(draw: st.DrawFn) -> str:
    return (
        f"{draw(st.sampled_from(REGIONS))}{draw(st.integers(1, 28)):02d}"
        f"{draw(st.integers(1, 12)):02d}{draw(st.integers(5, 26)):02d}"
        f"{draw(st.integers(1, 9999)):04d}"
    )


@st.composite
def nips(draw: st.DrawFn) -> str:
    born = draw(st.integers(1955, 2000))
    return (
        f"{born}{draw(st.integers(1, 12)):02d}{draw(st.integers(1, 28)):02d}"
        f"{born + draw(st.integers(18, 35))}{draw(st.integers(1, 12)):02d}"
        f"{draw(st.sampled_from('12'))}{draw(st.integers(1, 999)):03d}"
    )


def with_check_digit(digits: str) -> str:
    """Append the digit that makes *digits* pass Luhn."""
    return next(f"{digits}{last}" for last in "0123456789" if luhn(f"{digits}{last}"))


@st.composite
def npwps(draw: st.DrawFn) -> str:
    head = with_check_digit(f"{draw(st.integers(1, 99)):02d}{draw(st.integers(1, 999999)):06d}")
    # Three digits of the office differ: a number of one or two digits is no number.
    return f"{head}{draw(st.sampled_from(['412', '064', '325']))}{draw(st.integers(0, 999)):03d}"


@st.composite
def cards(draw: st.DrawFn) -> str:
    # Four digits at least differ, whatever changes afterwards.
    prefix = draw(st.sampled_from(["453987", "523467", "234561", "353346", "622143"]))
    middle = f"{draw(st.integers(0, 10**9 - 1)):09d}"
    return with_check_digit(prefix + middle)


def make_niks(count: int, seed: int = 1) -> list[str]:
    """Return *count* different numbers."""
    source = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        day = source.randint(1, 28) + source.choice((0, 40))
        found[
            f"{source.choice(REGIONS)}{day:02d}{source.randint(1, 12):02d}"
            f"{source.randint(50, 99):02d}{source.randint(1, 9999):04d}"
        ] = None
    return list(found)


def leaks(value: str, text: bytes) -> bool:
    """Tell whether six or more consecutive characters of *value* stand in *text*."""
    raw = value.encode()
    return any(raw[start : start + 6] in text for start in range(len(raw) - 5))
