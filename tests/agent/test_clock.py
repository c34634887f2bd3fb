"""Ordinary ticks are no gaps."""

from __future__ import annotations

from agent.clock import SECOND, GapDetector, SystemClock


class Hands:
    """A clock set by hand."""

    def __init__(self) -> None:
        """Begin at an arbitrary time."""
        self.w, self.m, self.b = 1_700_000_000 * SECOND, 100.0, 500.0

    def wall(self) -> int:
        """See `Clock`."""
        return self.w

    def monotonic(self) -> float:
        """See `Clock`."""
        return self.m

    def boottime(self) -> float:
        """See `Clock`."""
        return self.b

    def move(self, wall: float, mono: float, boot: float) -> None:
        """Move each by so many seconds."""
        self.w += int(wall * SECOND)
        self.m += mono
        self.b += boot


def test_ordinary_ticks_tell_nothing() -> None:
    """Late by seconds, slewed by a little."""
    hands = Hands()
    detector = GapDetector(hands)
    for step in (1.0, 1.2, 6.0):
        hands.move(step + 0.1, step, step)
        assert detector.tick(1.0) == []


def test_suspend_freeze_and_jump() -> None:
    """Each has its sign."""
    hands = Hands()
    detector = GapDetector(hands)
    start = hands.w
    hands.move(3600, 1, 3600)
    (gap,) = detector.tick(1.0)
    assert (gap.cause, gap.begin, gap.end, gap.seconds) == ("suspended", start, hands.w, 3599.0)
    hands.move(60, 60, 60)
    (gap,) = detector.tick(1.0)
    assert (gap.cause, gap.seconds) == ("suspended", 59.0)
    hands.move(-7199, 1, 1)
    (gap,) = detector.tick(1.0)
    assert (gap.cause, gap.seconds) == ("jump", -7200.0)


def test_system_clock_moves() -> None:
    """The real one."""
    clock = SystemClock()
    assert GapDetector(clock).tick(0.0) == []
    assert clock.wall() > 1_600_000_000 * SECOND
