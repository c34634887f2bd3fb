"""Every installed sensor keeps the contract of `collectors.api`."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from collectors.api import Keys, Settings, Unsupported
from collectors.kinds import KINDS
from collectors.paths import PathGuard, SafePath
from collectors.registry import load_sensors
from collectors.sighting import Sighting
from tests.patience import PATIENCE, until

SENSORS = sorted(load_sensors())


class Context:
    """Keeps what a sensor says."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.stopping = threading.Event()
        self.guard = PathGuard(bytes(range(32)))
        self.keys = Keys(fleet=bytes(range(32)), fleet_epoch=1)
        self.sightings: list[Sighting] = []
        self.cursors: dict[str, int] = {}
        self.beats = 0

    def now(self) -> int:
        return time.time_ns()

    def emit(self, sighting: Sighting) -> None:
        self.sightings.append(sighting)

    def handover(self, source: str, upto: int, sightings: Sequence[Sighting]) -> None:
        self.sightings.extend(sightings)
        self.cursors[source] = upto

    def cursor(self, source: str) -> int:
        return self.cursors.get(source, 0)

    def publish(self, paths: Sequence[SafePath]) -> None:
        self.published = list(paths)

    def beat(self) -> None:
        self.beats += 1


def settings_for(name: str, watched: Path) -> Settings:
    kind = load_sensors()[name].settings_type
    known = {field.name for field in msgspec.structs.fields(kind)}
    table = {"paths": [str(watched)]} if "paths" in known else {}
    return msgspec.convert(table, kind)


@pytest.mark.parametrize("name", SENSORS)
def test_settings_refuse_unknown_keys_and_have_defaults(name: str) -> None:
    kind = load_sensors()[name].settings_type
    assert issubclass(kind, Settings)
    assert msgspec.convert({}, kind).enabled
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"no_such_key": 1}, kind)


@pytest.mark.parametrize("name", SENSORS)
def test_making_a_sensor_touches_nothing(name: str, tmp_path: Path) -> None:
    state = tmp_path / "not-there"
    load_sensors()[name](settings_for(name, tmp_path), state)
    assert not state.exists()


@pytest.mark.parametrize("name", SENSORS)
def test_sensor_runs_and_stops(name: str, tmp_path: Path) -> None:
    watched, state = tmp_path / "watched", tmp_path / "state"
    watched.mkdir()
    state.mkdir(mode=0o700)
    factory = load_sensors()[name]
    sensor = factory(settings_for(name, watched), state)
    try:
        assert all(isinstance(warning, str) for warning in sensor.check())
    except Unsupported as reason:
        pytest.skip(str(reason))
    context = Context(state)
    before = set(threading.enumerate())
    thread = threading.Thread(target=sensor.run, args=(context,))
    thread.start()
    (watched / "a.txt").write_text("hello")
    until(lambda: context.beats, "a sensor shows that it is alive")
    coverage = sensor.coverage()
    assert all(isinstance(value, (int, float, str)) for value in coverage.values())
    context.stopping.set()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "a stopped sensor returns soon"
    assert set(threading.enumerate()) <= before | {threading.current_thread()}
    assert {type(sighting.record) for sighting in context.sightings} <= factory.emits
    assert factory.emits <= {kind for kind in KINDS.values() if not kind.collector_only}
    assert {sighting.module for sighting in context.sightings} <= {name}
