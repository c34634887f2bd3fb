"""The fullest parts are told, whatever their order; failures are counted by outcome."""

from __future__ import annotations

import random
from collections import Counter

from collectors.content.parts import Failures, Parts, shown
from tests.collectors.content.citizens import make_niks


def test_the_fullest_are_kept() -> None:
    """Also when many came before them, and without what is not told."""
    counts = [*range(1, 1001)]
    random.Random(1).shuffle(counts)
    parts = Parts()
    for count in counts:
        parts.add("csv", Counter({"nik": count, "email": 2}), None, (f"{count}.csv",))
    told = parts.told({"nik"})
    assert [(part.path, part.count) for part in told] == [
        (f"{count}.csv", count) for count in range(1000, 980, -1)
    ]
    assert {part.types for part in told} == {("nik",)}
    assert parts.told({"kk"}) == ()


def test_failures() -> None:
    failures = Failures()
    failures.add(("a", "b"), "damaged", "cut short")
    failures.add((), "encrypted", "password")
    failures.add(("c",), "damaged", "other")
    assert [(one.outcome, one.count, one.detail, one.path) for one in failures.told()] == [
        ("damaged", 2, "cut short", "a > b"),
        ("encrypted", 1, "password", None),
    ]


def test_names_are_short_and_hold_no_number() -> None:
    (nik,) = make_niks(1)
    name = shown(("x" * 100_000, f"ktp-{nik}.csv"))
    assert name is not None
    assert len(name) <= 300
    assert nik not in str(shown((f"ktp-{nik}.csv",) * 7))
