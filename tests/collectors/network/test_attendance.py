"""What must not happen: a gap between two runs is not told, or told twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.network.attendance import Attendance


def test_the_first_start_is_no_gap(tmp_path: Path) -> None:
    assert Attendance(tmp_path / "seen").back(5) == []


@pytest.mark.parametrize("damage", [b"", b"runs", b"runs x", b"what 5", b"\xff\xfe 5", b"1 2 3"])
def test_a_damaged_file_is_as_none(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "seen").write_bytes(damage)
    assert Attendance(tmp_path / "seen").back(5) == []


def test_stops_and_crashes_have_their_length_and_are_told_once(tmp_path: Path) -> None:
    path = tmp_path / "seen"
    first = Attendance(path)
    first.here(100)
    first.here(200)
    second = Attendance(path)
    (crash,) = second.back(350)
    assert (crash.cause, crash.begin, crash.end, crash.duration) == ("crashed", 100, 350, 250)
    assert second.back(360) == []
    second.ends(400)
    second.here(401)
    (stop,) = Attendance(path).back(390)
    assert (stop.cause, stop.begin, stop.duration) == ("stopped", 390, 0), "the clock was set back"


def test_a_full_disk_is_no_fault(tmp_path: Path) -> None:
    gone = Attendance(tmp_path / "no folder" / "seen")
    gone.here(5)
    gone.ends(6)
