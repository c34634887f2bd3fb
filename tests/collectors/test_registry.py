"""Finding sensors: broken and double ones are named, not skipped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collectors import registry

Plugin = Callable[[str, str, str], None]


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(distribution: str, point: str, source: str) -> None:
        module = f"{distribution}_sensor"
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (tmp_path / f"{module}.py").write_text(source)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{point} = {module}:Sensor\n")
        registry.load_sensors.cache_clear()

    yield make
    registry.load_sensors.cache_clear()
    for name in [name for name in sys.modules if name.endswith("_sensor")]:
        del sys.modules[name]


def test_a_sensor_that_cannot_be_imported_is_named(plugin: Plugin) -> None:
    plugin("broken", "broken", "import does_not_exist\n")
    with pytest.raises(ImportError, match=r"'broken'.*does_not_exist"):
        registry.load_sensors()


def test_a_sensor_under_a_foreign_name_is_refused(plugin: Plugin) -> None:
    plugin("liar", "liar", "class Sensor:\n    name = 'files'\n")
    with pytest.raises(ValueError, match="calls itself 'files', not 'liar'"):
        registry.load_sensors()


def test_two_sensors_of_one_name_are_refused(plugin: Plugin) -> None:
    plugin("second", "files", "class Sensor:\n    name = 'files'\n")
    with pytest.raises(ValueError, match="two packages"):
        registry.load_sensors()


def test_strangers_come_in_by_the_same_door(plugin: Plugin) -> None:
    plugin("guest", "guest", "class Sensor:\n    name = 'guest'\n")
    assert {"files", "exposure", "guest"} <= set(registry.load_sensors())
