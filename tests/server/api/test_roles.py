"""A role that does not run must never look as if it did."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.api.roles import role_of, running
from server.roles import COMMAND
from tests.patience import until

CONFIG = "/etc/ronda/server.toml"


@pytest.mark.parametrize(
    "argv",
    [
        [],
        [""],
        ["vim", "detect", CONFIG],
        ["python", "-P", "-c", COMMAND],
        ["python", "-P", "-c", COMMAND, "detect", "/other/server.toml"],
        ["python", "-P", "-c", COMMAND, "nothing", CONFIG],
        ["ronda", "server", "run"],
        ["ronda", "server", "run", "--role"],
        ["ronda", "server", "run", "--role", "nothing"],
    ],
)
def test_other_processes_play_no_role(argv: list[str]) -> None:
    assert role_of(argv, CONFIG) is None


@pytest.mark.parametrize(
    "argv",
    [
        ["python", "-P", "-c", COMMAND, "detect", CONFIG, ""],
        ["/usr/bin/python3", "/usr/bin/ronda", "server", "run", "--role", "detect"],
    ],
)
def test_roles_are_recognised(argv: list[str]) -> None:
    assert role_of(argv, CONFIG) == "detect"


def test_a_role_is_up_only_while_its_process_lives(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    assert running(config) == {"ingest": "down", "detect": "down", "api": "up"}
    code = f"import time\nif 0:\n  {COMMAND!r}\ntime.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, COMMAND, "detect", str(config)])
    try:
        until(lambda: running(config)["detect"] == "up", "the role")
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert running(config)["detect"] == "down"
    finally:
        process.kill()
        process.wait()
