"""What must not happen: the network sensor cannot work and nobody says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.cli.doctor import _sensors
from agent.config import load
from collectors.api import Unsupported
from collectors.network import worker

ALONE = "[sensors.files]\nenabled = false\n[sensors.exposure]\nenabled = false\n"


def checks(tmp_path: Path, text: str) -> list[tuple[str, bool, str]]:
    config = tmp_path / "agent.toml"
    config.write_text(f'state_dir = "{tmp_path}"\n{ALONE}{text}\n')
    return [(one.name, one.ok, one.remedy) for one in _sensors(load(config, None))]


def test_without_the_capability(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def supported() -> None:
        raise Unsupported("packet sockets need CAP_NET_RAW: run as root")

    monkeypatch.setattr(worker, "supported", supported)
    assert checks(tmp_path, "[sensors.network]") == [
        (
            "sensor network",
            False,
            "run as root; or switch it off: enabled = false in [sensors.network]",
        )
    ]
    assert checks(tmp_path, "[sensors.network]\nenabled = false") == []


def test_mistakes_in_the_settings_do_not_hide_the_other_checks(tmp_path: Path) -> None:
    ((name, ok, remedy),) = checks(tmp_path, "[sensors.network]\ninterface = []")
    assert (name, ok, remedy) == ("settings of sensors", False, "ronda-agent check")
