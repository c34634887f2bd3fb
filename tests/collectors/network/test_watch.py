"""What must not happen: a damaged list stops the watch, or a good one is not compared with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from collectors.kinds import NetworkFinding, NetworkFlow, NetworkService
from collectors.network.detect.ioc import build
from collectors.network.messages import Answer, Setup, Work
from collectors.network.pcap import read
from collectors.network.watch import Watch
from collectors.sighting import Sighting
from tests.collectors.network.test_replay import packed, question


def ask(watch: Watch, work: Work, paths: Sequence[Path]) -> Answer:
    """Hand over files; the child's side closes them."""
    descriptors = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in paths]
    return msgspec.msgpack.decode(
        watch.handle(msgspec.msgpack.encode(work), descriptors), type=Answer
    )


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "a.pcap"
    path.write_bytes(packed([question("good.example.org"), question("www.evil.example", 40_001)]))
    return path


def found(watch: Watch, capture: Path) -> list[str]:
    answer = ask(watch, Work(file=True, seconds=30), [capture])
    assert answer.done
    records = [one.record for one in answer.sightings]
    return [one.rule for one in records if isinstance(one, NetworkFinding)]


def test_without_a_list_nothing_is_compared(capture: Path) -> None:
    assert found(Watch(Setup(key=bytes(32))), capture) == []


def test_a_damaged_list_is_a_problem_and_the_one_before_stays(
    tmp_path: Path, capture: Path
) -> None:
    watch = Watch(Setup(key=bytes(32)))
    table = tmp_path / "table"
    build(["evil.example,domain,own,high"], table)
    good = ask(watch, Work(seconds=0, indicators=True), [table])
    assert good.problems == ()
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"x" * 100)
    bad = ask(watch, Work(seconds=0, indicators=True), [damaged])
    assert [one.interface for one in bad.problems] == ["indicators"]
    assert found(watch, capture) == ["ioc.domain"]


def test_a_clock_that_is_set_back_ends_what_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(packed([question("good.example.org")]))
    watch = Watch(Setup(key=bytes(32)))
    descriptor = os.open(path, os.O_RDONLY)
    (block,) = read(descriptor)
    watch._feed(block)
    os.close(descriptor)
    early = int(block.time[0]) - 30 * 86_400 * 10**9
    told: list[Sighting] = []
    for minutes in range(3):
        now = early + minutes * 61 * 10**9
        monkeypatch.setattr("collectors.network.watch.time.time_ns", lambda now=now: now)
        told += ask(watch, Work(seconds=0), []).sightings
    assert {type(one.record) for one in told} >= {NetworkFlow, NetworkService}
