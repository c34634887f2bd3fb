"""The demo's own instruments: a wall check that finds leaks, a receiver that is safe to watch."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from bench.people import nik
from scripts.demo_receiver import lines_of
from tests.patience import PATIENCE

ROOT = Path(__file__).parent.parent


def wall(tmp_path: Path, directory: Path) -> tuple[int, str]:
    """Run the check on *directory*; return its status and what it said."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/demo_wall.py", tmp_path / "planted", directory],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture
def planted(tmp_path: Path) -> str:
    """Return one number that counts as planted."""
    number = nik(random.Random(7))
    (tmp_path / "planted").write_text(number + "\n")
    (tmp_path / "state").mkdir()
    return number


def test_an_empty_place_is_no_proof(tmp_path: Path, planted: str) -> None:
    assert planted
    assert wall(tmp_path, tmp_path / "state")[0] == 1


def test_a_masked_form_is_no_leak(tmp_path: Path, planted: str) -> None:
    (tmp_path / "state/a.log").write_text(f"{planted[:4]}{'*' * 10}{planted[-2:]}")
    assert wall(tmp_path, tmp_path / "state") == (0, "1 numbers, 1 files, 0.0 MB: 0 hits\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_number_in_a_file_is_found_and_not_printed(
    tmp_path: Path, planted: str, encoding: str
) -> None:
    (tmp_path / "state/spool.db").write_bytes(b"\0\xff" + f"x{planted}".encode(encoding))
    status, said = wall(tmp_path, tmp_path / "state")
    assert status == 1
    assert "spool.db: 1 times" in said
    assert planted not in said


def test_a_number_in_a_name_is_found_and_not_printed(tmp_path: Path, planted: str) -> None:
    (tmp_path / f"state/ktp_{planted}.jpg").touch()
    status, said = wall(tmp_path, tmp_path / "state")
    assert status == 1
    assert "in its name" in said
    assert planted[2:14] not in said


def test_a_notification_cannot_drive_the_terminal() -> None:
    body = json.dumps({"title": "a\x1b[2Jb", "message": "c\u202ed\n\n\ne\n" + "f\n" * 50})
    assert lines_of(body.encode()) == ["a?[2Jb", "c?d"]


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"1"])
def test_what_is_no_notification_is_said_to_be_none(body: bytes) -> None:
    assert lines_of(body)[0].startswith("(not ")
