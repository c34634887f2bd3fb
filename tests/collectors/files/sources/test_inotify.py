"""What must not happen: a watch left behind, a path that is no longer true."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import InotifyFD

from collectors.files.dirty import GONE, DirtySet
from collectors.files.scope import Scope
from collectors.files.sources import inotify
from collectors.files.sources.inotify import InotifySource
from tests.collectors.files.sources.adding import add
from tests.patience import until


@pytest.fixture
def source(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, dirty: DirtySet
) -> Iterator[InotifySource]:
    made = InotifySource(Scope([os.fsencode(tmp_path)], ["left-out"]), dirty)
    made.start(tmp_path_factory.mktemp("own"))
    yield made
    made.stop()
    assert not made.alive()


def test_events_have_the_path_of_now(
    source: InotifySource, dirty: DirtySet, tmp_path: Path
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for path in (tmp_path, tmp_path / "a", tmp_path / "a" / "b"):
        assert add(source, path)
    (tmp_path / "a").rename(tmp_path / "c")
    until(lambda: dirty.take().get(os.fsencode(tmp_path / "c" / "b")))
    (tmp_path / "c" / "b" / "f").touch()
    (found,) = until(dirty.take)
    assert found == os.fsencode(tmp_path / "c" / "b")
    assert source.watched == 3


def test_adding_twice_is_one_watch(source: InotifySource, tmp_path: Path) -> None:
    assert add(source, tmp_path)
    assert add(source, tmp_path)
    assert source.watched == 1


def test_excluded_names_wake_nobody(source: InotifySource, dirty: DirtySet, tmp_path: Path) -> None:
    add(source, tmp_path)
    (tmp_path / "left-out").mkdir()
    (tmp_path / "seen").touch()
    (work,) = until(dirty.take).values()
    assert set(work.names) == {b"seen"}
    assert source.watched == 1


def test_drop_if_gone_keeps_what_is_there(source: InotifySource, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    add(source, tmp_path / "d")
    source.drop_if_gone(os.fsencode(tmp_path / "d"))
    assert source.watched == 1
    (tmp_path / "d").rmdir()
    source.drop_if_gone(os.fsencode(tmp_path / "d"))
    until(lambda: source.watched == 0)


def test_outside_the_scope_nothing_is_watched(source: InotifySource) -> None:
    assert not add(source, Path("/usr"))
    assert source.watched == 0


def test_no_instance_to_be_had(
    tmp_path: Path, dirty: DirtySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(inotify, "InotifyFD", refuse)
    with pytest.raises(OSError, match="max_user_instances is used up: raise it"):
        InotifySource(Scope([os.fsencode(tmp_path)], []), dirty).start(tmp_path)


@pytest.mark.parametrize(("root", "path"), [(b"/", b"/a/b"), (b"/srv", b"/srv/a/b")])
def test_paths_are_spelled_by_the_way_up(dirty: DirtySet, root: bytes, path: bytes) -> None:
    source = InotifySource(Scope([root], []), dirty)
    node = source._nodes.make(path)
    assert node is not None
    assert node.path() == path
    top = source._nodes.find(root)
    assert top is not None
    assert top.path() == root


def test_what_happened_before_catching_up_is_known(
    source: InotifySource, dirty: DirtySet, tmp_path: Path
) -> None:
    add(source, tmp_path)
    for number in range(300):
        (tmp_path / f"f{number}").write_bytes(b"x")
        (tmp_path / f"f{number}").unlink()
        source.catch_up()
        (work,) = dirty.take(everything=True).values()
        assert set(work.names) == {b"f%d" % number}
        assert work.names[b"f%d" % number].last == GONE


def test_catching_up_does_without_its_file(
    source: InotifySource, dirty: DirtySet, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for path in tmp_path_factory.getbasetemp().glob("own*/barrier"):
        path.unlink()
    source.catch_up()
    source.catch_up()


def test_stopped_in_its_first_moment_it_closes_everything(
    tmp_path: Path, dirty: DirtySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader is stopped before its first look: what it leaves open, every test looks for."""
    monkeypatch.setattr(InotifyFD, "should_keep_running", lambda _: False)
    made = InotifySource(Scope([os.fsencode(tmp_path)], []), dirty)
    made.start(tmp_path)
    made.stop()
    assert not made.alive()
