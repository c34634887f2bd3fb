"""What must not happen: a fallback that claims more than it can."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.files.context import Running
from tests.patience import until


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "watched"
    directory.mkdir()
    return directory


def observed(tmp_path: Path, root: Path, **settings: Any) -> Running:
    return Running(tmp_path / "agent", [root], backend="observer", **settings)


def test_create_modify_attributes_delete(root: Path, tmp_path: Path) -> None:
    file = root / "f"
    with observed(tmp_path, root) as running:
        file.write_bytes(b"one")
        assert running.wait("created", file).found_by == "watch"
        file.write_bytes(b"three")
        running.wait("modified", file)
        file.chmod(0o4755)
        running.wait("attributes", file)
        file.unlink()
        running.wait("deleted", file)


# watchdog's own observer warns when a directory comes while it walks the one above, and goes on; as
# an error the warning would end its thread, which it does on no server.
@pytest.mark.filterwarnings("ignore:Callback with id .* already exists:RuntimeWarning")
def test_directories_that_come_go_and_move(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "t" / "s").mkdir(parents=True)
    (outside / "t" / "s" / "f").write_bytes(b"x")
    with observed(tmp_path, root) as running:
        (root / "a" / "b" / "c").mkdir(parents=True)
        (root / "a" / "b" / "c" / "f").write_bytes(b"x")
        running.wait("created", root / "a" / "b" / "c" / "f")
        (outside / "t").rename(root / "t")
        running.wait("created", root / "t" / "s" / "f")
        (root / "t").rename(root / "u")
        running.wait("created", root / "u" / "s" / "f")
        running.wait("deleted", root / "t" / "s" / "f")


def test_reading_a_file_wakes_nobody(root: Path, tmp_path: Path) -> None:
    (root / "f").write_bytes(b"x")
    with observed(tmp_path, root) as running:
        (root / "f").read_bytes()
        os.listdir(root)
        assert running.settle() == []
        until(lambda: running.sensor.coverage()["backlog"] == 0)


def test_excluded_trees_are_not_told(root: Path, tmp_path: Path) -> None:
    (root / "left-out" / "deep").mkdir(parents=True)
    with observed(tmp_path, root, exclude=("left-out",)) as running:
        (root / "left-out" / "deep" / "f").write_bytes(b"x")
        (root / "seen").write_bytes(b"x")
        running.wait("created", root / "seen")
        assert all("left-out" not in path for _, path in running.settle())


def test_it_compares_more_often_and_says_so(root: Path, tmp_path: Path) -> None:
    with observed(tmp_path, root) as running:
        coverage = running.sensor.coverage()
        assert coverage["backend"] == "observer"
        assert "every 60 s" in str(coverage["why_not_better"])
