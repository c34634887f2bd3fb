"""Failures per address."""

from __future__ import annotations

from server.ingest.throttle import Throttle


def test_only_so_many_in_a_window() -> None:
    throttle = Throttle(2, 60.0)
    for now in (0.0, 1.0):
        assert throttle.allows("a", now)
        throttle.fail("a", now)
    assert not throttle.allows("a", 2.0)
    assert throttle.allows("b", 2.0)
    assert throttle.allows("a", 61.0)
    throttle.fail("a", 61.0)
    assert throttle.allows("a", 62.0)


def test_memory_is_bounded() -> None:
    throttle = Throttle(1, 60.0)
    for number in range(20_000):
        throttle.fail(str(number), 0.0)
    assert throttle.allows("1", 0.0)
    assert not throttle.allows("19999", 0.0)
