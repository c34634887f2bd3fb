"""What must not happen: rows edited behind our back fit the root told last, or a kill does not."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collectors.kinds import BaselineRoot
from server.detect.roots import ALTERED, Known, judge
from tests.collectors.files.context import FakeContext, Running
from tests.patience import until

_TOP = Path(__file__).resolve().parents[3]
_SCRIPT = Path(__file__).with_name("run_sensor.py")


def roots(context: FakeContext) -> list[BaselineRoot]:
    records = [sighting.record for sighting in context.sightings()]
    return [record for record in records if isinstance(record, BaselineRoot)]


def lives(context: FakeContext) -> int:
    """Return how often the sensor has told what it found when it started."""
    return len([record for record in roots(context) if record.action == "opened"])


def started(context: FakeContext, before: int) -> None:
    """Wait until the sensor has told of another start."""
    until(lambda: lives(context) > before, "a start")


def verdicts(found: list[BaselineRoot]) -> list[str]:
    """Judge what was told as the collector does."""
    known: Known | None = None
    said = []
    for number, record in enumerate(found, 1):
        fields = {
            "event.action": record.action,
            "ronda.baseline.root": record.root,
            "ronda.baseline.entries": record.entries,
            "ronda.baseline.stored": record.stored,
        }
        known, verdict = judge(known, 1, number, fields)
        if verdict:
            said.append(verdict)
    return said


def test_ordinary_life_raises_nothing(tmp_path: Path) -> None:
    root = tmp_path / "watched"
    root.mkdir()
    for number in range(3):
        with Running(tmp_path / "agent", [root], rehash_interval="1s") as running:
            (root / f"f{number}").write_bytes(b"x" * number)
            running.wait("created", root / f"f{number}")
            until(lambda: any(r.action == "verified" for r in roots(running.context)))
            found = roots(running.context)
    assert verdicts(found) == []
    assert {record.action for record in found} == {"opened", "changed", "scanned", "verified"}
    assert [record.complete for record in found if record.action == "opened"] == [False, True, True]


def test_an_edited_row_is_told(tmp_path: Path) -> None:
    root = tmp_path / "watched"
    root.mkdir()
    (root / "f").write_bytes(b"good")
    with Running(tmp_path / "agent", [root]):
        pass
    database = sqlite3.connect(tmp_path / "agent/sensors/files/baseline.db")
    with database:
        database.execute("UPDATE file SET digest = zeroblob(32) WHERE digest IS NOT NULL")
    database.close()
    with Running(tmp_path / "agent", [root]) as running:
        assert verdicts(roots(running.context)) == [ALTERED]


def test_an_older_copy_is_told(tmp_path: Path) -> None:
    root = tmp_path / "watched"
    root.mkdir()
    (root / "f").write_bytes(b"good")
    with Running(tmp_path / "agent", [root]):
        pass
    path = tmp_path / "agent/sensors/files/baseline.db"
    copy = path.read_bytes()
    with Running(tmp_path / "agent", [root]) as running:
        (root / "f").write_bytes(b"evil")
        running.wait("modified", root / "f")
    path.write_bytes(copy)
    with Running(tmp_path / "agent", [root]) as running:
        assert verdicts(roots(running.context)) == ["replaced"]


def test_a_new_database_is_no_forgery(tmp_path: Path) -> None:
    root = tmp_path / "watched"
    root.mkdir()
    (root / "f").write_bytes(b"good")
    with Running(tmp_path / "agent", [root]):
        pass
    (tmp_path / "agent/sensors/files/baseline.db").unlink()
    with Running(tmp_path / "agent", [root]) as running:
        assert verdicts(roots(running.context)) == []
        until(lambda: any(lost.cause == "baseline_lost" for lost in running.context.lost()))


@pytest.mark.slow
def test_a_kill_at_any_moment_is_no_forgery(tmp_path: Path) -> None:
    root = tmp_path / "watched"
    root.mkdir()
    chance = random.Random(20261124)
    environment = {**os.environ, "PYTHONPATH": str(_TOP)}
    context = FakeContext(tmp_path / "agent")
    for count in range(8):
        before = lives(context)
        process = subprocess.Popen(
            [sys.executable, str(_SCRIPT), str(tmp_path / "agent"), str(root)],
            stdout=subprocess.DEVNULL,
            env=environment,
        )
        try:
            if count % 2:  # else it dies while it starts
                started(context, before)
            deadline = time.monotonic() + chance.uniform(0.1, 1.0)
            number = 0
            while time.monotonic() < deadline:
                (root / f"f{chance.randrange(300)}").write_bytes(b"%d" % number)
                number += 1
                time.sleep(0.001)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    context.close()
    with Running(tmp_path / "agent", [root]) as running:
        found = roots(running.context)
        assert verdicts(found) == []
        assert lives(running.context) > 4
