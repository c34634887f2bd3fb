"""A failing sensor takes nobody down, is told, and comes back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from agent.clock import SystemClock
from agent.spool import Spool
from agent.supervisor.lock import AlreadyRunning, StateLock
from agent.supervisor.runner import Parts, SensorRunner
from agent.supervisor.sensors import Sensors
from collectors.api import (
    Coverage,
    Keys,
    SensorContext,
    SensorFactory,
    Settings,
    Stopped,
    Unsupported,
)
from collectors.kinds import Record, SensorState, VisibilityLost
from collectors.paths import PathGuard, SafePath
from tests.agent.spool_helpers import drain, flush, of_kind, open_spool, sighting
from tests.patience import PATIENCE, until


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the test's sensors."""

    mode: str = "watch"


class Probe:
    """A sensor that does what its mode says."""

    name: ClassVar[str] = "probe"
    settings_type: ClassVar[type[Settings]] = Options
    emits: ClassVar[frozenset[type[Record]]] = frozenset()
    made: ClassVar[list[Probe]] = []

    def __init__(self, settings: Settings, state_dir: Path) -> None:
        """Remember."""
        assert isinstance(settings, Options)
        self.mode = settings.mode
        self.offered: list[bytes] = []
        self.running = threading.Event()
        Probe.made.append(self)

    def check(self) -> list[str]:
        """See `Sensor`."""
        if self.mode == "unsupported":
            raise Unsupported("no such kernel")
        if self.mode == "broken check":
            raise RuntimeError("check 3271046504930002 broke")
        return []

    def run(self, context: SensorContext) -> None:
        """See `Sensor`."""
        self.running.set()
        if self.mode == "crash":
            raise RuntimeError("nik 3271046504930002 in a message")
        if self.mode == "return":
            return
        if self.mode == "publish":
            context.handover("probe", 1, [sighting("mine")])
            context.publish([SafePath(b"/x")])
        context.beat()
        context.stopping.wait()
        if self.mode == "stopped":
            raise Stopped

    def coverage(self) -> Coverage:
        """See `Sensor`."""
        if self.mode == "bad coverage":
            raise RuntimeError("no coverage")
        return {"seen": 1}

    def offer(self, paths: Sequence[SafePath]) -> None:
        """See `Sensor`."""
        if self.mode == "bad offer":
            raise RuntimeError("no offer")
        self.offered += paths


class Other(Probe):
    """A second one."""

    name: ClassVar[str] = "other"


# mypy does not match the ClassVars of a class object with those of a protocol.
FACTORIES = cast("dict[str, SensorFactory]", {"probe": Probe, "other": Other})


class Stage:
    """A spool and what sensors need."""

    def __init__(self, directory: Path) -> None:
        """Open."""
        Probe.made.clear()
        self.spool: Spool = open_spool(directory)
        self.problems: dict[str, str | None] = {}
        self.parts = Parts(
            state_dir=directory,
            spool=self.spool,
            guard=PathGuard(b"p" * 32),
            keys=Keys(fleet=b"f" * 32, fleet_epoch=1),
            clock=SystemClock(),
            on_problem=self.problems.__setitem__,
        )
        self.sensors = Sensors(FACTORIES, self.parts)

    def apply(self, **modes: str | None) -> None:
        """Apply a configuration; None switches a sensor off."""
        self.sensors.apply(
            {
                name: Options(enabled=mode is not None, mode=mode or "")
                for name, mode in modes.items()
            }
        )

    def states(self) -> list[tuple[object, object]]:
        """Return the (name, state) events so far."""
        flush(self.spool)
        events = of_kind(drain(self.spool), SensorState)
        return [(event["ronda.sensor.name"], event["event.action"]) for event in events]

    def close(self) -> None:
        """Stop all."""
        assert self.sensors.stop(3.0) == []
        self.spool.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Ready."""
    with contextlib.closing(Stage(tmp_path)) as made:
        yield made


def test_a_crash_is_told_and_the_sensor_comes_back(stage: Stage) -> None:
    """Without the NIK of the message; the neighbour runs on."""
    stage.apply(probe="crash", other="watch")
    until(lambda: stage.states().count(("probe", "started")) == 2)
    crashed = of_kind(drain(stage.spool), SensorState)
    reasons = [str(event["event.reason"]) for event in crashed if "event.reason" in event]
    assert all("RuntimeError" in reason and "test_supervisor.py" in reason for reason in reasons)
    assert "3271046504930002" not in str(crashed)
    assert "3271046504930002" not in str(stage.problems)
    snapshot = stage.sensors.snapshot()
    assert snapshot["probe"]["restarts"] >= 1
    assert snapshot["other"]["state"] == "running"


@pytest.mark.parametrize("mode", ["return", "broken check"])
def test_other_ends_are_crashes_too(stage: Stage, mode: str) -> None:
    """A sensor does not end unless it is asked to."""
    stage.apply(probe=mode)
    until(lambda: ("probe", "crashed") in stage.states())


def test_unsupported_is_told_once_and_says_how_to_switch_it_off(stage: Stage) -> None:
    """It is no crash."""
    stage.apply(probe="unsupported")
    until(lambda: stage.states() == [("probe", "unsupported")])
    problem = str(stage.problems["sensor probe"])
    assert problem.startswith("cannot run here: no such kernel")
    assert "[sensors.probe]" in problem


@pytest.mark.parametrize("mode", ["watch", "stopped"])
def test_a_sensor_that_ends_when_asked_is_no_crash(stage: Stage, mode: str) -> None:
    """Either way of ending."""
    stage.apply(probe=mode)
    until(Probe.made[0].running.is_set)
    stage.apply(probe=None)
    assert ("probe", "crashed") not in stage.states()
    assert stage.sensors.snapshot() == {}


def test_publish_reaches_the_others_and_not_the_publisher(stage: Stage) -> None:
    """And handover is durable before it."""
    stage.apply(probe="publish", other="watch")
    by_type = {type(one): one for one in Probe.made}
    until(lambda: by_type[Other].offered == [b"/x"])
    assert by_type[Probe].offered == []
    assert stage.spool.cursor("probe") == 1


def test_an_offer_that_fails_is_blindness_and_not_the_publishers_crash(stage: Stage) -> None:
    """The files that were not taken are named."""
    stage.apply(other="bad offer", probe="publish")
    until(lambda: bool(of_kind(drain(stage.spool), VisibilityLost)))
    (lost,) = of_kind(drain(stage.spool), VisibilityLost)
    assert lost["ronda.visibility.sample"] == ["/x"]
    assert ("probe", "crashed") not in stage.states()


def test_offers_during_a_change_reach_the_new_instance(stage: Stage) -> None:
    """None may fall between the old and the new one."""
    stage.apply(probe="watch", other="watch")
    stage.apply(probe="publish", other="stopped")
    newest = [one for one in Probe.made if type(one) is Other][-1]
    until(lambda: newest.offered == [b"/x"])


def test_refusal_before_anything_is_stopped(stage: Stage) -> None:
    """The old configuration runs on."""
    stage.apply(probe="watch")
    refuse: Callable[[str], str | None] = lambda mode: stage.sensors.refusal(  # noqa: E731
        {"probe": Options(mode=mode)}
    )
    assert refuse("watch") is None
    assert "no such kernel" in str(refuse("unsupported"))
    assert "3271046504930002" not in str(refuse("broken check"))
    assert stage.sensors.snapshot()["probe"]["state"] == "running"


def test_coverage_that_fails_is_empty(stage: Stage) -> None:
    """The heartbeat goes out anyway."""
    stage.apply(probe="bad coverage", other="watch")
    assert stage.sensors.coverage() == {"probe": {}, "other": {"seen": 1}}


class Hands(SystemClock):
    """A monotonic clock that can be moved on."""

    ahead = 0.0

    def monotonic(self) -> float:
        """See `Clock`."""
        return super().monotonic() + self.ahead


def test_a_silent_sensor_is_a_problem(stage: Stage) -> None:
    """Three missed beats."""
    hands = Hands()
    fields: dict[str, Any] = {**vars(stage.parts), "clock": hands}
    runner = SensorRunner("probe", FACTORIES["probe"], Options(), Parts(**fields), lambda *_: None)
    runner.start()
    until(lambda: runner.state == "running")
    assert runner.silent() is None
    hands.ahead = 61.0
    assert "no sign of life for 61 s" in str(runner.silent())
    runner.ask_to_stop()
    assert runner.join(PATIENCE)


def test_one_agent_per_state_directory(tmp_path: Path) -> None:
    """The lock goes with the process, not with the file."""
    lock = StateLock(tmp_path)
    with pytest.raises(AlreadyRunning, match="already running"):
        StateLock(tmp_path)
    lock.release()
    StateLock(tmp_path).release()
