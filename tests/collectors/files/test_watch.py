"""What must not happen: a watch left behind, a path that is no longer true."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files import watch
from collectors.files.dirty import GONE, DirtySet
from collectors.files.scope import Scope
from collectors.files.tree import open_directory
from collectors.files.watch import Watcher
from tests.collectors.files.context import eventually


@pytest.fixture
def dirty() -> DirtySet:
    return DirtySet()


@pytest.fixture
def watcher(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, dirty: DirtySet
) -> Iterator[Watcher]:
    made = Watcher(Scope([os.fsencode(tmp_path)], ["left-out"]), dirty)
    made.start(tmp_path_factory.mktemp("own"))
    yield made
    made.stop()
    assert not made.alive()


def add(watcher: Watcher, path: Path) -> bool:
    descriptor = open_directory(os.fsencode(path))
    try:
        return watcher.add(os.fsencode(path), descriptor)
    finally:
        os.close(descriptor)


def test_events_have_the_path_of_now(watcher: Watcher, dirty: DirtySet, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for path in (tmp_path, tmp_path / "a", tmp_path / "a" / "b"):
        assert add(watcher, path)
    (tmp_path / "a").rename(tmp_path / "c")
    eventually(lambda: dirty.take().get(os.fsencode(tmp_path / "c" / "b")))
    (tmp_path / "c" / "b" / "f").touch()
    (path,) = eventually(dirty.take)
    assert path == os.fsencode(tmp_path / "c" / "b")
    assert watcher.watched == 3


def test_adding_twice_is_one_watch(watcher: Watcher, tmp_path: Path) -> None:
    assert add(watcher, tmp_path)
    assert add(watcher, tmp_path)
    assert watcher.watched == 1


def test_excluded_names_wake_nobody(watcher: Watcher, dirty: DirtySet, tmp_path: Path) -> None:
    add(watcher, tmp_path)
    (tmp_path / "left-out").mkdir()
    (tmp_path / "seen").touch()
    (work,) = eventually(dirty.take).values()
    assert set(work.names) == {b"seen"}
    assert watcher.watched == 1


def test_drop_if_gone_keeps_what_is_there(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    add(watcher, tmp_path / "d")
    watcher.drop_if_gone(os.fsencode(tmp_path / "d"))
    assert watcher.watched == 1
    (tmp_path / "d").rmdir()
    watcher.drop_if_gone(os.fsencode(tmp_path / "d"))
    eventually(lambda: watcher.watched == 0)


def test_outside_the_scope_nothing_is_watched(watcher: Watcher) -> None:
    assert not add(watcher, Path("/usr"))
    assert watcher.watched == 0


def test_no_instance_to_be_had(
    tmp_path: Path, dirty: DirtySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(watch, "InotifyFD", refuse)
    with pytest.raises(OSError, match="max_user_instances is used up: raise it"):
        Watcher(Scope([os.fsencode(tmp_path)], []), dirty).start(tmp_path)


@pytest.mark.parametrize(("root", "path"), [(b"/", b"/a/b"), (b"/srv", b"/srv/a/b")])
def test_paths_are_spelled_by_the_way_up(dirty: DirtySet, root: bytes, path: bytes) -> None:
    watcher = Watcher(Scope([root], []), dirty)
    node = watcher._find(path, make=True)
    assert node is not None
    assert node.path() == path
    top = watcher._find(root)
    assert top is not None
    assert top.path() == root


def test_what_happened_before_catching_up_is_known(
    watcher: Watcher, dirty: DirtySet, tmp_path: Path
) -> None:
    add(watcher, tmp_path)
    for number in range(300):
        (tmp_path / f"f{number}").write_bytes(b"x")
        (tmp_path / f"f{number}").unlink()
        watcher.catch_up()
        (work,) = dirty.take(everything=True).values()
        assert set(work.names) == {b"f%d" % number}
        assert work.names[b"f%d" % number].last == GONE


def test_catching_up_does_without_its_file(
    watcher: Watcher, dirty: DirtySet, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for path in tmp_path_factory.getbasetemp().glob("own*/barrier"):
        path.unlink()
    watcher.catch_up()
    watcher.catch_up()
