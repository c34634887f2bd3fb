"""Initialising and checking a collector."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import time
from pathlib import Path

import pytest

from server.config import ServerConfig, load
from server.fleet import init
from server.fleet.ca import validity_of
from server.fleet.init import InitError, check, initialise
from tests.server.ingest.rig import Collector, make_config

DAY = 86_400 * 10**9


@pytest.fixture
def config(tmp_path: Path) -> ServerConfig:
    return make_config(tmp_path, "[store]\nwarn_percent = 99.98\nstop_percent = 99.99\n")


def snapshot(config: ServerConfig) -> dict[str, bytes]:
    names = ["ca/ca.key", "ca/ca.crt", "ca/server.key", "ca/server.crt", "fleet.key"]
    return {name: (config.state_dir / name).read_bytes() for name in [*names, "collector.key"]}


def errors(config: ServerConfig, now: int | None = None) -> list[str]:
    return [problem.text for problem in check(config, now)]


def test_a_second_time_changes_nothing(config: ServerConfig) -> None:
    first = initialise(config)
    before = snapshot(config)
    second = initialise(config)
    assert snapshot(config) == before
    assert second.created == ()
    assert second.fingerprint == first.fingerprint
    assert re.fullmatch(r"[0-9a-f]{64}", first.fingerprint)
    assert len(first.created) == 12
    assert errors(config) == []


def test_nothing_is_open_to_others(config: ServerConfig) -> None:
    initialise(config)
    for path in (config.state_dir, *config.state_dir.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_half_an_authority_is_not_completed(config: ServerConfig) -> None:
    initialise(config)
    (config.ca_dir / "ca.key").unlink()
    with pytest.raises(InitError, match=r"ca\.key is missing.*backup"):
        initialise(config)
    assert any("restore it from a backup" in text for text in errors(config))


def test_new_names_give_a_new_server_certificate_only(config: ServerConfig) -> None:
    initialise(config)
    before = snapshot(config)
    config.path.write_text(config.path.read_text().replace('"localhost"', '"ronda.kota.go.id"'))
    changed = load(config.path)
    assert any("does not name ronda.kota.go.id" in text for text in errors(changed))
    initialise(changed)
    after = snapshot(changed)
    assert "ronda.kota.go.id" in validity_of(changed.ca_dir / "server.crt").names
    assert {name for name in after if after[name] != before[name]} == {
        "ca/server.key",
        "ca/server.crt",
    }
    assert errors(changed) == []


def test_not_initialised(config: ServerConfig) -> None:
    assert [text for text in errors(config) if "run ronda server init" in text]


def test_dates(config: ServerConfig) -> None:
    initialise(config)
    now = time.time_ns()
    assert any("server.crt ended" in text for text in errors(config, now + 6 * 365 * DAY))
    assert any("server.crt ends in" in text for text in errors(config, now + 1810 * DAY))
    assert any("not valid yet" in text for text in errors(config, now - 3 * 365 * DAY))
    assert any("ca.crt ended" in text for text in errors(config, now + 21 * 365 * DAY))


def test_modes_and_keys(config: ServerConfig) -> None:
    initialise(config)
    os.chmod(config.ca_dir / "ca.key", 0o644)
    key = config.ca_dir / "ca.key"
    assert errors(config) == [f"{key} is open to other users: chmod 0600 {key}"]
    os.chmod(config.ca_dir / "ca.key", 0o600)
    (config.state_dir / "fleet.key").write_bytes(b"short")
    assert any("fleet.key has 5 bytes" in text for text in errors(config))


def test_a_port_that_somebody_uses(config: ServerConfig) -> None:
    initialise(config)
    with socket.socket() as other:
        other.bind(config.agent_listen)
        other.listen()
        other.settimeout(0.1)
        found = errors(config)
    assert len(found) == 1
    assert "choose another port" in found[0]


def test_a_port_that_we_use(config: ServerConfig) -> None:
    collector = Collector(config)
    collector.start()
    assert errors(config) == []
    assert collector.end() == 0


def test_disk(config: ServerConfig) -> None:
    initialise(config)
    for line, level in (
        ("warn_percent = 0.0001", "warning"),
        ("warn_percent = 0.0001\nstop_percent = 0.0002", "error"),
    ):
        config.path.write_text(re.sub(r"\[store\](.|\n)*", f"[store]\n{line}\n",
                                      config.path.read_text()))  # fmt: skip
        (problem,) = check(load(config.path))
        assert (problem.level, "full" in problem.text) == (level, True)
    assert 0 < init.disk_percent(config.state_dir) <= 100


def test_store(config: ServerConfig) -> None:
    initialise(config)
    sqlite3.connect(config.events_dir / "2099-01-01.db").close()
    (config.events_dir / "2024-01-01.db.damaged-1").touch()
    (config.events_dir / "2099-01-01.db").touch()
    texts = errors(config)
    assert any("lies in the future" in text for text in texts)
    assert any("set aside as damaged" in text for text in texts)
    for path in config.state_dir.glob("state.db*"):
        path.unlink()
    config.state_db.write_bytes(b"nonsense" * 1000)
    config.state_db.chmod(0o600)
    assert any("state.db" in text for text in errors(config))


def test_a_lost_state_is_told_and_not_made_anew(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    initialise(config)
    config.state_db.unlink()
    found = check(config)
    assert [problem.level for problem in found if "state.db: it is gone" in problem.text] == [
        "error"
    ]
    assert not config.state_db.exists()
