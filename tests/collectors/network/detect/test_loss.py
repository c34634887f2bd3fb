"""What must not happen: a quiet link or a few drops are told; negative counters raise."""

from __future__ import annotations

from collectors.network.detect.loss import CaptureStats, Loss
from collectors.network.detect.settings import LossSettings
from collectors.network.model import Finding
from tests.collectors.network.detect.records import MINUTE, START


def minutes(count: int = 17, **each: int) -> list[Finding]:
    loss = Loss(LossSettings())
    return [
        found
        for n in range(count)
        for found in loss.see(CaptureStats(at=START + n * MINUTE, interface="eth0", **each))
    ]


def test_nothing_lost_little_lost_and_nearly_nothing_seen_are_quiet() -> None:
    assert minutes(packets=10_000) == []
    assert minutes(packets=10_000, dropped=50, acked=10**7, unseen=10**5, holes=50) == []
    assert minutes(packets=1, dropped=20) == []
    assert minutes(packets=-5, dropped=-5) == []


def test_drops() -> None:
    (found,) = minutes(packets=10_000, dropped=300)
    assert found.rule == "capture.loss"
    assert found.severity == "medium"
    assert 0.02 < found.numbers["dropped_share"] < 0.04
    assert found.entity == "eth0"


def test_answers_to_what_was_never_seen() -> None:
    (found,) = minutes(packets=10_000, acked=10**7, unseen=2 * 10**6, holes=20)
    assert (found.severity, found.numbers["unseen_share"]) == ("medium", 0.2)
    (found,) = minutes(packets=0, acked=10**7, unseen=6 * 10**6, holes=20)
    assert found.severity == "high"


def test_few_bytes_or_few_places_say_nothing_about_a_share() -> None:
    assert minutes(packets=10_000, acked=1000, unseen=1000, holes=100) == []
    assert minutes(packets=10_000, acked=10**9, unseen=9 * 10**8) == []
    assert minutes(count=2, packets=10_000, acked=10**9, unseen=9 * 10**8, holes=99) == []


def test_state_is_bounded() -> None:
    loss = Loss(LossSettings())
    for n in range(1000):
        loss.see(CaptureStats(at=START, interface=f"veth{n}"))
    assert len(loss._windows) <= 256
    assert loss.evicted() > 0


def test_what_gets_no_more_counters_is_judged_later() -> None:
    loss = Loss(LossSettings())
    loss.see(CaptureStats(at=START, interface="eth0", packets=5000, dropped=5000))
    assert loss.tick(START + 16 * MINUTE) == ()
    (found,) = loss.tick(START + 30 * MINUTE)
    assert (found.at, found.entity) == (START, "eth0")
    assert loss.tick(START + 60 * MINUTE) == ()
