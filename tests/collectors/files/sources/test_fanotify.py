"""What must not happen: a loss, a phantom, a merged event that hides what stands there now."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files.dirty import GONE, DirtySet, Marks, account
from collectors.files.scope import ROOTS, Scope
from collectors.files.sources import fanotify
from collectors.files.sources.choose import probe_fanotify
from collectors.files.sources.fanotify import FanotifySource
from tests.collectors.files.sources.adding import add
from tests.patience import until

pytestmark = pytest.mark.skipif(bool(probe_fanotify()), reason=probe_fanotify() or "works")


@pytest.fixture(params=[True, False], ids=["unmerged", "merged"])
def unmerged(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def source(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    dirty: DirtySet,
    unmerged: bool,
) -> Iterator[FanotifySource]:
    made = FanotifySource(Scope([os.fsencode(tmp_path)], ["left-out"]), dirty, unmerged=unmerged)
    made.start(tmp_path_factory.mktemp("own"))
    yield made
    made.stop()
    assert not made.alive()


def names(source: FanotifySource, dirty: DirtySet, directory: Path) -> dict[bytes, Marks]:
    source.catch_up()
    work = dirty.take(everything=True).get(os.fsencode(directory))
    return {} if work is None else work.names


def test_catching_up_needs_no_reader(
    source: FanotifySource, dirty: DirtySet, tmp_path: Path
) -> None:
    add(source, tmp_path)
    for number in range(100):
        (tmp_path / f"f{number}").write_bytes(b"x")
        (tmp_path / f"f{number}").unlink()
        assert names(source, dirty, tmp_path)[b"f%d" % number].last == GONE


def test_events_have_the_path_of_now(
    source: FanotifySource, dirty: DirtySet, tmp_path: Path
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for path in (tmp_path, tmp_path / "a", tmp_path / "a" / "b"):
        assert add(source, path)
    (tmp_path / "a").rename(tmp_path / "c")
    (tmp_path / "c" / "b" / "f").touch()
    assert set(names(source, dirty, tmp_path / "c" / "b")) == {b"f"}
    assert source.watched == 3


def test_a_moved_out_directory_is_none_of_ours(
    source: FanotifySource,
    dirty: DirtySet,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    add(source, tmp_path)
    (tmp_path / "a").mkdir()
    source.catch_up()
    assert source.watched == 2
    (tmp_path / "a").rename(outside / "a")
    (outside / "a" / "phantom").touch()
    source.catch_up()
    assert source.watched == 1
    assert set(dirty.take(everything=True)) == {
        os.fsencode(tmp_path),
        os.fsencode(tmp_path / "a"),  # from when it was there
    }
    (outside / "a").rename(tmp_path / "b")
    (tmp_path / "b" / "seen").touch()
    assert b"seen" in names(source, dirty, tmp_path / "b")


def test_excluded_directories_are_not_heard(
    source: FanotifySource, dirty: DirtySet, tmp_path: Path
) -> None:
    add(source, tmp_path)
    (tmp_path / "left-out").mkdir()
    (tmp_path / "left-out" / "f").touch()
    source.catch_up()
    assert dirty.take(everything=True) == {}
    assert source.watched == 1


@pytest.mark.parametrize("before", [False, True])
def test_what_was_merged_is_counted_by_what_stands_there(
    source: FanotifySource,
    dirty: DirtySet,
    tmp_path: Path,
    before: bool,
) -> None:
    add(source, tmp_path)
    file = tmp_path / "f"
    if before:
        file.touch()
        names(source, dirty, tmp_path)
    with source._lock:  # nobody reads
        for _ in range(3):
            file.unlink(missing_ok=True)
            file.touch()
    marks = names(source, dirty, tmp_path)[b"f"]
    created, deleted = account(marks, before=before, after=True)
    assert created - deleted == (0 if before else 1)
    assert created >= 1
    if source._unmerged:
        assert created == 3
    with source._lock:
        file.unlink()
        for _ in range(2):
            file.touch()
            file.unlink()
    marks = names(source, dirty, tmp_path)[b"f"]
    created, deleted = account(marks, before=True, after=False)
    assert deleted - created == 1
    if source._unmerged:
        assert created == 2


def test_what_happened_inside_a_directory_that_is_gone_again(
    source: FanotifySource, dirty: DirtySet, tmp_path: Path
) -> None:
    add(source, tmp_path)
    with source._lock:
        for _ in range(3):
            (tmp_path / "d").mkdir()
            (tmp_path / "d" / "f").touch()
            (tmp_path / "d" / "f").unlink()
            (tmp_path / "d").rmdir()
    source.catch_up()
    taken = dirty.take(everything=True)
    assert taken[os.fsencode(tmp_path)].names[b"d"].last == GONE
    if source._unmerged:
        assert taken[os.fsencode(tmp_path / "d")].names[b"f"].arrivals == 3

    # Others change this file system too: the queue may never be empty when we look.
    def settled() -> bool:
        source.catch_up()
        return source.watched == 1

    until(settled)
    assert source._handles.condemned == {}


def test_a_root_that_goes_and_comes_back(
    source: FanotifySource, dirty: DirtySet, tmp_path: Path
) -> None:
    add(source, tmp_path)
    tmp_path.rename(tmp_path.with_suffix(".away"))
    source.catch_up()
    assert set(dirty.take(everything=True)[ROOTS].names) == {os.fsencode(tmp_path)}
    assert source.watched == 0
    tmp_path.with_suffix(".away").rename(tmp_path)
    assert add(source, tmp_path)
    (tmp_path / "f").touch()
    assert b"f" in names(source, dirty, tmp_path)


def test_a_reader_that_is_frozen_loses_nothing(
    source: FanotifySource, dirty: DirtySet, tmp_path: Path
) -> None:
    add(source, tmp_path)
    with source._lock:
        for number in range(20_000):
            os.close(os.open(tmp_path / str(number), os.O_CREAT | os.O_WRONLY))
    assert len(names(source, dirty, tmp_path)) == 20_000
    assert source.overflows == 0


def test_a_queue_too_deep_is_a_loss_that_is_told(
    source: FanotifySource, dirty: DirtySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanotify, "_DEEP", 100)
    add(source, tmp_path)
    begin = time.time_ns()
    with source._lock:
        for number in range(200):
            (tmp_path / str(number)).mkdir()
    source.catch_up()
    assert source.overflows == 1
    assert source.overflow_since <= begin
    assert dirty.take_overflow()
    assert add(source, tmp_path)  # the walk that follows
    assert add(source, tmp_path / "7")
    (tmp_path / "7" / "f").touch()
    assert b"f" in names(source, dirty, tmp_path / "7")


@pytest.mark.root
def test_what_fanotify_cannot_mark_is_left_to_inotify(
    source: FanotifySource,
    dirty: DirtySet,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    layers = tmp_path_factory.mktemp("layers")
    for name in ("lower", "upper", "work"):
        (layers / name).mkdir()
    (layers / "lower" / "f").write_bytes(b"old")
    merged = tmp_path / "merged"
    merged.mkdir()
    options = f"lowerdir={layers}/lower,upperdir={layers}/upper,workdir={layers}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], check=True)
    try:
        add(source, tmp_path)
        assert add(source, merged)
        assert source.describe() == "fanotify and inotify"
        assert source.watched == 2
        (merged / "f").write_bytes(b"new")  # copied up
        (merged / "d").mkdir()
        until(lambda: source.watched == 3)
        (merged / "d" / "g").touch()
        assert b"g" in names(source, dirty, merged / "d")
    finally:
        subprocess.run(["umount", merged], check=True)


@pytest.mark.root
def test_another_file_system_is_marked_when_it_is_met(
    source: FanotifySource, dirty: DirtySet, tmp_path: Path
) -> None:
    mounted = tmp_path / "m"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mounted], check=True)
    try:
        add(source, tmp_path)
        add(source, mounted)
        (mounted / "f").touch()
        assert b"f" in names(source, dirty, mounted)
        source.drop(os.fsencode(mounted))
        (mounted / "g").touch()
        assert names(source, dirty, mounted) == {}
        add(source, mounted)
        (mounted / "h").touch()
        assert set(names(source, dirty, mounted)) == {b"h"}
    finally:
        subprocess.run(["umount", mounted], check=True)
    assert source.describe() == "fanotify"
