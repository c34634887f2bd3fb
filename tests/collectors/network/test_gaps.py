"""A gap is told once, with its length; no gap, no words."""

from __future__ import annotations

from collectors.network.gaps import Gaps
from collectors.network.messages import Count

SECOND = 1_000_000_000


def counts(received: int, dropped: int, name: str = "eth0") -> tuple[Count, ...]:
    return (Count(interface=name, received=received, dropped=dropped),)


def test_without_a_loss_nothing_is_told() -> None:
    gaps = Gaps()
    assert gaps.counted(counts(10, 0), 0, SECOND) == []
    assert gaps.back("eth0", SECOND) == []
    assert gaps.rest() == []


def test_an_overflow_is_told_when_it_is_over_with_its_length() -> None:
    gaps = Gaps()
    assert gaps.counted(counts(100, 30), SECOND, 2 * SECOND) == []
    assert gaps.counted(counts(100, 20), 2 * SECOND, 3 * SECOND) == []
    (told,) = gaps.counted(counts(50, 0), 3 * SECOND, 4 * SECOND)
    assert (told.cause, told.begin, told.end) == ("packets_dropped", SECOND, 3 * SECOND)
    assert told.duration == 2 * SECOND
    assert "50 of 200 packets (25.0 %) of eth0" in str(told.detail)
    assert gaps.counted(counts(50, 0), 4 * SECOND, 5 * SECOND) == []


def test_an_overflow_that_lasts_is_told_after_a_minute_and_then_more_rarely() -> None:
    gaps = Gaps()
    told = [
        gap
        for second in range(125)
        for gap in gaps.counted(counts(9, 1), second * SECOND, (second + 1) * SECOND)
    ]
    assert [gap.duration for gap in told] == [60 * SECOND, 60 * SECOND]
    assert [gap.duration for gap in gaps.rest()] == [5 * SECOND]


def test_interfaces_do_not_mix() -> None:
    gaps = Gaps()
    gaps.counted(counts(9, 1, "a"), 0, 1)
    assert gaps.counted(counts(9, 0, "b"), 1, 2) == []
    assert len(gaps.counted(counts(9, 0, "a"), 1, 2)) == 1


def test_an_interface_that_is_gone_is_told_at_once_and_when_it_is_back() -> None:
    gaps = Gaps()
    (gone,) = gaps.gone("tun0", 5)
    assert (gone.cause, gone.begin, gone.end) == ("interface_gone", 5, None)
    assert gaps.gone("tun0", 6) == []
    (back,) = gaps.back("tun0", 25)
    assert (back.begin, back.end, back.duration) == (5, 25, 20)
    assert gaps.back("tun0", 26) == []


def test_the_name_of_an_interface_is_scrubbed() -> None:
    (gone,) = Gaps().gone("3171234567890123"[:15] + "\x1b", 5)
    assert "\x1b" not in str(gone.detail)


def test_the_time_without_a_child_has_a_length() -> None:
    gap = Gaps.died("signal", 3, 10)
    assert (gap.cause, gap.duration) == ("child_died", 7)


def test_a_flood_that_comes_and_goes_is_told_more_and_more_rarely_and_whole() -> None:
    gaps = Gaps()
    told = []
    for second in range(24 * 3600):
        found = gaps.counted(counts(9, second % 2), second * SECOND, (second + 1) * SECOND)
        told += found
    assert 10 < len(told) < 40
    lost = sum(int(str(one.detail).split()[0]) for one in [*told, *gaps.rest()])
    assert lost == 12 * 3600


def test_after_a_quiet_day_it_is_told_at_once_again() -> None:
    gaps = Gaps()
    for second in range(3600):
        gaps.counted(counts(9, second % 2), second * SECOND, (second + 1) * SECOND)
    gaps.rest()
    later = 86_400 * SECOND
    gaps.counted(counts(9, 1), later, later + SECOND)
    (told,) = gaps.counted(counts(9, 0), later + SECOND, later + 2 * SECOND)
    assert told.duration == SECOND


def test_a_clock_that_is_set_back_silences_no_overflow() -> None:
    gaps = Gaps()
    gaps.counted(counts(9, 1), 10**6 * SECOND, (10**6 + 1) * SECOND)
    assert len(gaps.counted(counts(9, 1), SECOND, 2 * SECOND)) == 1


def test_names_of_interfaces_without_end_fill_no_memory() -> None:
    gaps = Gaps()
    for number in range(1000):
        gaps.gone(f"tun{number}", number)
    assert gaps.back("tun0", 2000) == []
    assert len(gaps.back("tun999", 2000)) == 1
