"""What must not happen: a stopped sensor leaves no trace, or a busy one is called stopped."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from collectors.files.pauses import Pauses, Reading
from tests.collectors.files.context import FakeContext
from tests.collectors.files.test_crash import Agent
from tests.patience import until

SECOND = 1_000_000_000


class Hands:
    """Clocks that are moved by hand."""

    def __init__(self) -> None:
        self.reading = Reading(1_700_000_000 * SECOND, 100.0, 100.0)

    def __call__(self) -> Reading:
        return self.reading

    def move(self, wall: float, monotonic: float, boottime: float) -> None:
        old = self.reading
        self.reading = Reading(
            old.wall + int(wall * SECOND), old.monotonic + monotonic, old.boottime + boottime
        )


@pytest.mark.parametrize(
    ("slept", "wall", "monotonic", "boottime"),
    [
        (1.0, 1.0, 1.0, 1.0),
        (1.0, 3.5, 3.5, 3.5),  # late, as on a busy machine
        (60.0, 0.2, 0.2, 0.2),  # woken early
        (0.0, 20.0, 20.0, 20.0),  # a slow disk
        (1.0, -3600.0, 1.0, 1.0),  # clock set back
        (1.0, 6.0, 1.0, 1.0),  # clock set right
    ],
)
def test_no_pause(slept: float, wall: float, monotonic: float, boottime: float) -> None:
    hands = Hands()
    pauses = Pauses(hands)
    hands.move(wall, monotonic, boottime)
    pauses.tick(slept)
    assert pauses.take() == []


@pytest.mark.parametrize(
    ("slept", "wall", "monotonic", "boottime"),
    [
        (1.0, 10.0, 10.0, 10.0),  # SIGSTOP
        (1.0, 3600.0, 1.0, 3600.0),  # suspended to memory
        (0.0, 3600.0, 0.1, 3600.0),  # the same, while it worked
        (1.0, 600.0, 1.0, 1.0),  # paused virtual machine whose clock was set right
        (0.0, 100.0, 100.0, 100.0),
    ],
)
def test_a_pause_once(slept: float, wall: float, monotonic: float, boottime: float) -> None:
    hands = Hands()
    pauses = Pauses(hands)
    begin = hands.reading.wall
    hands.move(wall, monotonic, boottime)
    pauses.tick(slept)
    assert pauses.take() == [("suspended", begin, hands.reading.wall)]
    hands.move(1.0, 1.0, 1.0)
    pauses.tick(1.0)
    assert pauses.take() == []


def test_real_clocks() -> None:
    pauses = Pauses()
    pauses.tick()
    pauses.sleep(time.sleep, 0.01)
    assert pauses.take() == []


@pytest.mark.slow
def test_stopped_by_a_signal(stack: ExitStack, tmp_path: Path) -> None:
    root = tmp_path / "watched"
    root.mkdir()
    (root / "old").write_bytes(b"x")
    agent = stack.enter_context(Agent(tmp_path / "state", root))
    agent.start(ready=True)
    context = stack.enter_context(closing(FakeContext(tmp_path / "state")))
    # Five seconds count as a pause of who sleeps, not of who works.
    until(agent.sleeps, "an agent that sleeps")
    before = time.time_ns()
    agent.send(signal.SIGSTOP)
    (root / "new").write_bytes(b"y")
    (root / "old").write_bytes(b"z")
    time.sleep(5)
    assert context.changes() == []
    after = time.time_ns()
    agent.send(signal.SIGCONT)
    until(context.lost, "the pause")
    until(lambda: len(context.changes()) == 2, "what changed meanwhile")
    assert agent.end(signal.SIGTERM) == 0
    (lost,) = context.lost()
    assert (lost.cause, lost.repaired) == ("suspended", True)
    assert lost.end is not None
    assert lost.duration == lost.end - lost.begin
    assert lost.begin - 2 * SECOND <= before
    assert lost.end >= after
    told = {(change.action, str(change.path)) for change in context.changes()}
    assert told == {("created", str(root / "new")), ("modified", str(root / "old"))}
