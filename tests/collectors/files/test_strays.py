"""What must not happen: a directory that is told and stays told, or goes blind, when it changes
places while it is looked at."""

from __future__ import annotations

import ctypes
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from collectors.files.examine import Examiner
from collectors.files.sources.inotify import InotifySource
from tests.collectors.files.context import Running

_libc = ctypes.CDLL(None, use_errno=True)
_EXCHANGE = 2


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "watched"
    directory.mkdir()
    return directory


def exchange(one: Path, two: Path) -> None:
    """Let two names change places in one step."""
    if _libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(two), _EXCHANGE):
        raise OSError(ctypes.get_errno(), "renameat2")


def test_a_directory_moved_away_between_the_looks_at_it_and_at_its_parent(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examine = Examiner.examine
    inner, came = root / "came" / "inner", root / "came"

    def move_away(examiner: Examiner, path: bytes, *rest: Any) -> list[tuple[bytes, bool]]:
        below = examine(examiner, path, *rest)
        if path == os.fsencode(inner) and came.exists():
            came.rename(tmp_path / "away")
        return below

    monkeypatch.setattr(Examiner, "examine", move_away)
    (tmp_path / "new" / "inner").mkdir(parents=True)
    (tmp_path / "new" / "inner" / "file").write_bytes(b"x")
    with Running(tmp_path / "agent", [root]) as running:
        (tmp_path / "new").rename(came)
        running.wait("deleted", inner / "file")
        told = running.settle()
        assert not came.exists()
    assert Counter(told) == {
        (action, str(path)): 1
        for action in ("created", "deleted")
        for path in (came, inner / "file")
    }


@pytest.mark.usefixtures("backend")
def test_two_directories_that_change_places(root: Path, tmp_path: Path) -> None:
    for name in "ab":
        (root / name / f"only_{name}").mkdir(parents=True)
        (root / name / "both").mkdir()
        (root / name / f"only_{name}" / "file").write_text(name)
        (root / name / "both" / "file").write_text(name)
    with Running(tmp_path / "agent", [root]) as running:
        exchange(root / "a", root / "b")
        running.settle()
        (root / "a" / "both" / "later").write_bytes(b"x")
        (root / "b" / "both" / "later").write_bytes(b"x")
        (root / "a" / "only_b" / "later").write_bytes(b"x")
        (root / "a" / "latest").write_bytes(b"x")
        (root / "b" / "latest").write_bytes(b"x")
        told = running.settle()  # seen by the watches: nothing compares the tree meanwhile
        assert running.sensor.coverage()["watched_directories"] == 7
    before = "a b a/both b/both a/both/file b/both/file a/only_a b/only_b a/only_a/file"
    present = {str(root / path) for path in [*before.split(), "b/only_b/file"]}
    for action, path in told:
        if action == "created":
            assert path not in present, path
            present.add(path)
        elif action == "deleted":
            present.remove(path)
    assert present == {str(path) for path in root.rglob("*") if ".marker-" not in path.name}


@pytest.mark.usefixtures("backend")
def test_a_directory_moved_onto_an_empty_one_is_watched(root: Path, tmp_path: Path) -> None:
    (root / "empty").mkdir()
    (root / "full").mkdir()
    (root / "full" / "old").write_bytes(b"x")
    with Running(tmp_path / "agent", [root]) as running:
        (root / "full").rename(root / "empty")
        running.settle()
        (root / "empty" / "later").write_bytes(b"x")
        running.wait("created", root / "empty" / "later")


def test_a_directory_replaced_while_nobody_listened_is_watched(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources: list[InotifySource] = []
    start = InotifySource.start

    def remember(source: InotifySource, directory: Path) -> None:
        sources.append(source)
        start(source, directory)

    monkeypatch.setattr(InotifySource, "start", remember)
    (root / "d").mkdir()
    (tmp_path / "other").mkdir()
    with Running(tmp_path / "agent", [root], reconcile_interval="1s") as running:
        with monkeypatch.context() as deaf:  # as if the kernel's queue had overflowed
            deaf.setattr(sources[0], "handle", lambda *_: None)
            (root / "d").rename(tmp_path / "away")
            (tmp_path / "other").rename(root / "d")
            sources[0].catch_up()
        (root / "d" / "early").write_bytes(b"x")
        running.wait("created", root / "d" / "early")  # by comparison
        (root / "d" / "later").write_bytes(b"x")
        assert running.wait("created", root / "d" / "later").found_by == "watch"


def test_a_directory_named_after_a_citizen_that_went_while_the_sensor_was_down(
    root: Path, tmp_path: Path
) -> None:
    gone = root / "arsip_1571014107900003"
    gone.mkdir()
    (gone / "file").write_bytes(b"x")
    (root / "other").mkdir()
    with Running(tmp_path / "agent", [root]) as running:
        assert running.settle() == []
    (gone / "file").unlink()
    gone.rmdir()
    with Running(tmp_path / "agent", [root]) as running:
        told = running.settle()
        assert [action for action, path in told if "arsip" in path] == ["deleted", "deleted"]
