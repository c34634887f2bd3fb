"""What must not happen: a fault is hidden or stops the others; the team is told one thing twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec
import pytest

from collectors.network.detect.registry import DETECTORS, Detectors, make
from collectors.network.detect.settings import DetectSettings
from collectors.network.model import Detector, Finding, Flow, Seen
from tests.collectors.network.detect.records import (
    HOUR,
    MINUTE,
    SECOND,
    START,
    conn,
    everything,
    failure,
    flow,
)


class Says:
    """Finds something in every flow."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Flow,)

    def __init__(self, severity: str = "low", entity: str = "") -> None:
        self.severity = severity
        self.entity = entity
        self.ticks: list[int] = []

    def see(self, record: Seen) -> Iterable[Finding]:
        assert isinstance(record, Flow)
        yield Finding(
            rule="says",
            at=record.last,
            begin=record.begin,
            severity=self.severity,
            technique="T1046",
            entity=self.entity or str(record.conn.key),
            count=2,
        )

    def tick(self, now: int) -> Iterable[Finding]:
        self.ticks.append(now)
        return ()

    def evicted(self) -> int:
        return 7


class Breaks(Says):
    """Fails on every flow."""

    def see(self, record: Seen) -> Iterable[Finding]:
        raise RuntimeError("3273010101900001")


class Vague(Says):
    """Fails on every tick."""

    def tick(self, now: int) -> Iterable[Finding]:
        raise KeyError(now)


def driver(*detectors: Detector, **changes: object) -> Detectors:
    return Detectors(detectors, DetectSettings(**changes))  # type: ignore[arg-type]


def test_nothing_is_told_twice_within_the_quiet_period() -> None:
    detectors = driver(Says(entity="x"), quiet=600)
    told = [detectors.see(flow(conn(), n * MINUTE)) for n in range(15)]
    assert [n for n, found in enumerate(told) if found] == [0, 10]
    assert told[10][0].numbers == {"held_back": 9.0, "held_back_count": 18.0}


def test_worse_is_told_at_once() -> None:
    says = Says(entity="x")
    detectors = driver(says)
    assert len(detectors.see(flow(conn()))) == 1
    assert detectors.see(flow(conn(), SECOND)) == []
    says.severity = "high"
    assert len(detectors.see(flow(conn(), 2 * SECOND))) == 1
    says.severity = "low"
    assert detectors.see(flow(conn(), 3 * SECOND)) == []


def test_very_many_entities_are_told_as_one() -> None:
    detectors = driver(Says(), entities_per_hour=5)
    told = [one for n in range(500) for one in detectors.see(flow(conn(), n))]
    assert len(told) == 5
    (rest,) = [one for one in detectors.tick(START + 2 * HOUR) if one.rule == "says"]
    assert rest.numbers == {"more_entities": 495.0}
    assert rest.count == 990


def test_critical_findings_are_never_held_for_their_number() -> None:
    detectors = driver(Says("critical"), entities_per_hour=5)
    assert sum(len(detectors.see(flow(conn(), n))) for n in range(100)) == 100


def test_a_fault_is_told_without_its_text_and_the_others_go_on() -> None:
    detectors = driver(Breaks(), Says(), Vague())
    told = [one for n in range(10) for one in detectors.see(flow(conn(), n * MINUTE))]
    assert len(told) == 10  # what two of them say is told once
    faults = detectors.faults()
    assert [fault.detector for fault in faults].count("breaks") == 3
    assert [fault.stopped for fault in faults if fault.detector == "breaks"][-1]
    assert [fault.detector for fault in faults].count("vague") == 3
    assert not any("3273" in fault.error for fault in faults)
    assert all(
        "RuntimeError at test_registry.py:" in f.error for f in faults if f.detector == "breaks"
    )
    assert detectors.faults() == []


def test_ticks_come_once_a_minute_of_packet_time() -> None:
    says = Says()
    detectors = driver(says)
    for n in range(121):
        detectors.see(flow(conn(), n * 10 * SECOND, seconds=0))
    assert len(says.ticks) == 21
    detectors.see(flow(conn(), 0))  # out of order: an idle flow ends late
    assert len(says.ticks) == 21


def test_a_clock_that_was_set_back_does_not_stop_the_ticks() -> None:
    says = Says()
    detectors = driver(says)
    detectors.see(flow(conn(), 10**6 * HOUR // 100))
    for n in range(5):
        detectors.see(flow(conn(), n * MINUTE))
    assert len(says.ticks) == 5


@pytest.mark.parametrize("name", DETECTORS)
def test_each_can_be_off(name: str) -> None:
    on = {type(one) for one in make(DetectSettings())}
    off = {type(one) for one in make(DetectSettings(off=(name,)))}
    assert len(on - off) == 1


def test_unknown_kinds_are_passed_over() -> None:
    class Other(msgspec.Struct):
        at: int = 0

    assert everything().see(Other()) == []  # type: ignore[arg-type]


def test_what_was_learned_outlives_the_child() -> None:
    detectors = everything()
    saved = detectors.save()
    assert everything().restore(saved) == []
    assert everything().restore(b"\xc1") == ["all"]
    assert everything().restore(msgspec.msgpack.encode((99, {}))) == ["all"]


def test_evictions_are_told_by_detector() -> None:
    assert driver(Says()).evicted() == {"says": 7}


def test_a_capture_ends_with_a_verdict() -> None:
    detectors = everything()
    assert detectors.many([failure(conn(port=n), n) for n in range(1, 5)]) == []
    assert [one.rule for one in detectors.finish()] == ["scan.trw"]


def test_not_any_number_of_what_is_critical() -> None:
    driver = Detectors([Says("critical")], DetectSettings())
    told = [one for number in range(5000) for one in driver.see(flow(conn(), number))]
    assert len(told) == 500
    (rest,) = driver.tick(START + 2 * HOUR)
    assert rest.count == 2 * (5000 - len(told))
