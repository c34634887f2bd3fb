"""What must not happen: an ordinary change is told as an untraceable one, or one is never found."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from collectors.kinds import FileChange, Severity
from tests.collectors.files.context import Running
from tests.patience import until


def _found(running: Running) -> list[FileChange]:
    return [change for change in running.context.changes() if change.found_by == "rehash"]


def _passes(running: Running) -> int:
    return int(str(running.sensor.coverage()["rehashes"]))


def test_content_that_changed_without_a_trace_is_found(tmp_path: Path) -> None:
    root = tmp_path / "watched"
    root.mkdir()
    for name in ("same", "silent"):
        (root / name).write_bytes(name.encode() * 1000)
    with Running(tmp_path / "agent", [root]):
        pass
    # As a store through a mapping leaves it: the signature is as it was, the content is not.
    database = sqlite3.connect(tmp_path / "agent/sensors/files/baseline.db")
    with database:
        database.execute(
            "UPDATE file SET digest = zeroblob(32), flags = 0 WHERE name = ?", (b"silent",)
        )
        database.execute("UPDATE file SET flags = 0")
    database.close()
    with Running(tmp_path / "agent", [root], rehash_interval="1s") as running:
        change = running.wait("modified", root / "silent")
        assert (change.found_by, change.changed) == ("rehash", ("content",))
        severities = [
            sighting.severity
            for sighting in running.context.sightings()
            if sighting.record == change
        ]
        assert severities == [Severity.HIGH]
        done = _passes(running)
        until(lambda: _passes(running) > done + 1, "two more passes")
        assert len(_found(running)) == 1


def test_what_changes_in_the_ordinary_way_is_not_told_by_it(tmp_path: Path) -> None:
    root = tmp_path / "watched"
    root.mkdir()
    (root / "f").write_bytes(b"1")
    with Running(tmp_path / "agent", [root], rehash_interval="1s") as running:
        for number in range(20):
            (root / "f").write_bytes(b"%d" % number)
            (root / f"n{number}").write_bytes(b"x")
        done = _passes(running)
        until(lambda: _passes(running) > done + 1, "two more passes")
        assert _found(running) == []
        assert running.sensor.coverage()["rehash_percent"] == pytest.approx(100, abs=100)
