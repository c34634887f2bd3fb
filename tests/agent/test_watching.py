"""What the exposure sensor is told to look into, but nobody watches, is said by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import parse
from agent.watching import share, unwatched
from collectors.content.result import CustomIdentifier
from collectors.exposure.settings import ExposureSettings
from collectors.files.settings import FileSettings
from collectors.network.settings import NetworkSettings


def test_the_defaults_fit() -> None:
    assert unwatched({"files": FileSettings(), "exposure": ExposureSettings()}) == []


@pytest.fixture
def watched(tmp_path: Path) -> FileSettings:
    (tmp_path / "www").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "www")
    return FileSettings(paths=(str(tmp_path / "www"),))


@pytest.mark.parametrize("name", ["www", "www/site", "alias", "alias/site", "www/"])
def test_what_lies_below_a_watched_path_is_fine(
    tmp_path: Path, watched: FileSettings, name: str
) -> None:
    path = f"{tmp_path}/{name}"
    settings = ExposureSettings(paths=(path,), web_roots=(path,))
    assert unwatched({"files": watched, "exposure": settings}) == []


@pytest.mark.parametrize("name", ["www2", "srv", ""])
def test_what_follows_is_said(tmp_path: Path, watched: FileSettings, name: str) -> None:
    path = f"{tmp_path}/{name}"
    (line,) = unwatched(
        {"files": watched, "exposure": ExposureSettings(paths=(path,), web_roots=())}
    )
    assert path in line
    assert "found by the sweep" in line
    both = ExposureSettings(paths=(path,), web_roots=(path,))
    (line,) = unwatched({"files": watched, "exposure": both})
    assert "found by the sweep" in line


def test_sensors_that_are_off() -> None:
    files, exposure = FileSettings(enabled=False), ExposureSettings()
    lines = unwatched({"files": files, "exposure": exposure})
    assert len(lines) == len({*exposure.paths, *exposure.web_roots})
    assert unwatched({"files": files, "exposure": ExposureSettings(enabled=False)}) == []
    assert unwatched({"files": FileSettings()}) == []


def test_web_roots_are_set_once() -> None:
    exposure = ExposureSettings(web_roots=("/data/situs",))
    own = FileSettings(web_roots=("/data/lain",))
    assert share({"exposure": exposure}) == {"exposure": exposure}
    assert share({"files": own, "exposure": exposure})["files"] is own
    shared = share({"files": FileSettings(), "exposure": exposure})
    assert shared == {"files": FileSettings(web_roots=("/data/situs",)), "exposure": exposure}
    # Whoever looks for data or not: what is handed out stays what it is.
    off = ExposureSettings(enabled=False, web_roots=("/data/situs",))
    assert share({"files": FileSettings(), "exposure": off})["files"] == shared["files"]


def test_what_is_looked_for_in_files_is_looked_for_in_traffic() -> None:
    records = CustomIdentifier(name="rm", pattern="RM-[0-9]{6}")
    other = CustomIdentifier(name="operasi", words=("Operasi Senyap",))
    exposure, own = ExposureSettings(identifiers=(records,)), NetworkSettings(identifiers=(other,))
    shared = share({"network": NetworkSettings(), "exposure": exposure})
    assert shared["network"] == NetworkSettings(identifiers=(records,))
    assert share({"network": own, "exposure": exposure})["network"] is own
    assert share({"network": own, "exposure": ExposureSettings()})["network"] is own


def test_two_of_one_name_are_refused() -> None:
    one = CustomIdentifier(name="rm", pattern="RM-[0-9]{6}")
    with pytest.raises(ValueError, match="identifiers: two"):
        NetworkSettings(identifiers=(one, one))


def test_the_configuration_shares_them(tmp_path: Path) -> None:
    text = '[sensors.exposure]\nweb_roots = ["/data/situs"]\n'
    found = parse(text, tmp_path, {"files": FileSettings, "exposure": ExposureSettings})
    assert found.sensors["files"] == FileSettings(web_roots=("/data/situs",))
