"""The collector from its first minute: init, check, run, and a part of it that dies."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.roles import COMMAND
from tests.patience import PATIENCE, until
from tests.server.api.collector import RONDA


class Place:
    """Settings for a collector, and the environment in which commands find them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.toml = root / "server.toml"
        self.environment = {
            **os.environ,
            "RONDA_CONFIG": str(self.toml),
            "RONDA_SOCKET": str(root / "run" / "api.sock"),
        }

    def settings(self, more: str = "") -> None:
        ports = [free_port(), free_port()]
        self.toml.write_text(
            f'state_dir = "{self.root / "state"}"\nnames = ["127.0.0.1"]\n'
            f'socket = "{self.root / "run" / "api.sock"}"\n'
            f'agent_listen = "127.0.0.1:{ports[0]}"\nenroll_listen = "127.0.0.1:{ports[1]}"\n'
            + more
        )

    def ronda(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [RONDA, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def running(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    place.settings()
    assert place.ronda("server", "init").returncode == 0
    with (place.root / "log").open("wb") as log:
        process = subprocess.Popen(
            [RONDA, "server", "run"], env=place.environment, stdout=log, stderr=log
        )
    try:
        until(lambda: place.ronda("status").returncode == 0, "a healthy collector")
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_init_without_settings_writes_them(place: Place) -> None:
    place.toml = place.root / "etc" / "server.toml"
    place.environment["RONDA_CONFIG"] = str(place.toml)
    # Where the state goes by default is not a place for tests: stop before it.
    done = place.ronda("server", "init", "--name", 'bad"name')
    assert done.returncode == 1
    assert 'names = ["bad\\"name"]' in place.toml.read_text()
    assert place.ronda("server", "init", "--name", "x").returncode == 2


def test_wrong_settings_are_named_with_file_and_line(place: Place) -> None:
    place.settings('langage = "id"\n')
    for words in (("server", "check"), ("server", "init"), ("server", "run")):
        done = place.ronda(*words)
        assert done.returncode == 1
        assert f"{place.toml}:6: " in done.stderr
        assert "language" in done.stderr
        assert not done.stdout


def test_no_settings_are_one_sentence(place: Place) -> None:
    done = place.ronda("server", "check")
    assert done.returncode == 1
    assert done.stderr == f"ronda: {place.toml}: No such file or directory\n"


def test_check_before_and_after_init(place: Place) -> None:
    place.settings()
    before = place.ronda("server", "check", "-o", "json")
    assert before.returncode == 1
    assert "ronda server init" in json.loads(before.stdout)[0]["problem"]
    first = place.ronda("server", "init")
    assert (first.returncode, first.stdout) == (0, "")
    assert "CA fingerprint" in first.stderr
    key = (place.root / "state" / "ca" / "ca.key").read_bytes()
    assert "everything is there already" in place.ronda("server", "init").stderr
    assert (place.root / "state" / "ca" / "ca.key").read_bytes() == key
    after = place.ronda("server", "check")
    assert after.returncode == 0, after
    assert after.stderr == f"{place.toml}: ok\n"


def test_a_collector_that_runs_is_healthy_and_stops_when_told(
    place: Place, running: subprocess.Popen[bytes]
) -> None:
    status = json.loads(place.ronda("status", "-o", "json").stdout)
    assert status["roles"] == {"ingest": "up", "detect": "up", "api": "up"}
    assert place.ronda("enroll", "token", "--opd", "Dinas Sosial").stdout.startswith("ronda1.")
    assert len(json.loads(place.ronda("rules", "list", "-o", "json").stdout)) >= 12
    running.terminate()
    assert running.wait(PATIENCE) == 0
    assert place.ronda("status").returncode == 5


def test_a_part_that_died_is_not_healthy(place: Place, running: subprocess.Popen[bytes]) -> None:
    assert running.poll() is None
    detect = until(lambda: child_with_role(running.pid, "detect"), "the detect role")
    os.kill(detect, signal.SIGKILL)
    answer = until(
        lambda: (done := place.ronda("status")).returncode == 1 and done.stdout,
        "an unhealthy status",
    )
    assert "detect" in answer
    until(lambda: place.ronda("status").returncode == 0, "the role to come back")


def child_with_role(parent: int, role: str) -> int | None:
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            argv = Path(f"/proc/{name}/cmdline").read_text().split("\0")
            ppid = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if ppid == parent and COMMAND in argv and role in argv:
            return int(name)
    return None
