"""What must not happen: the network sensor cannot work and nobody says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.cli.doctor import _packets
from agent.config import load
from collectors.api import Unsupported
from collectors.network import sockets


def checks(tmp_path: Path, text: str) -> list[tuple[str, bool, str]]:
    config = tmp_path / "agent.toml"
    config.write_text(f'state_dir = "{tmp_path}"\n{text}\n')
    return [(one.name, one.ok, one.remedy) for one in _packets(load(config, None))]


def test_without_the_capability(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def probe() -> None:
        raise Unsupported("packet sockets need the capability CAP_NET_RAW: run as root")

    monkeypatch.setattr(sockets, "probe", probe)
    ((name, ok, remedy),) = checks(tmp_path, "[sensors.network]")
    assert (name, ok) == ("packets", False)
    assert "AmbientCapabilities=CAP_NET_RAW" in remedy
    assert checks(tmp_path, "[sensors.network]\nenabled = false") == []


def test_mistakes_in_the_settings_do_not_hide_the_other_checks(tmp_path: Path) -> None:
    ((name, ok, remedy),) = checks(tmp_path, "[sensors.network]\ninterface = []")
    assert (name, ok, remedy) == ("settings of sensors", False, "ronda-agent check")
