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
    assert minutes(packets=10_000, dropped=50, acks=1000, acks_unseen=50) == []
    assert minutes(packets=1, dropped=20) == []
    assert minutes(packets=-5, dropped=-5) == []


def test_drops() -> None:
    (found,) = minutes(packets=10_000, dropped=300)
    assert found.rule == "capture.loss"
    assert found.severity == "medium"
    assert 0.02 < found.numbers["dropped_share"] < 0.04
    assert found.entity == "eth0"


def test_answers_to_what_was_never_seen() -> None:
    (found,) = minutes(packets=10_000, acks=1000, acks_unseen=600)
    assert found.severity == "high"


def test_state_is_bounded() -> None:
    loss = Loss(LossSettings())
    for n in range(1000):
        loss.see(CaptureStats(at=START, interface=f"veth{n}"))
    assert len(loss._windows) <= 256
    assert loss.evicted() > 0
