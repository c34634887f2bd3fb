"""What must not happen: a row lost, a neighbour taken for a descendant, a newer file lost."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files.baseline import Baseline, finished, same_directory, set_aside
from collectors.files.compare import Row
from collectors.files.notes import Gap
from collectors.paths import SafePath

ROW = Row(
    inode=(1 << 64) - 1,  # some file systems use all 64 bits
    device=(1 << 63) + 5,
    ctime=-1,
    mtime=1 << 62,
    size=0,
    mode=stat.S_IFREG | 0o644,
    uid=4294967295,
    gid=0,
    outcome="hashed",
    digest=b"d" * 32,
    again=True,
    silent=True,
)


@pytest.fixture
def baseline(tmp_path: Path) -> Iterator[Baseline]:
    database = Baseline(tmp_path)
    yield database
    database.close()


def add(baseline: Baseline, path: bytes) -> int:
    return baseline.add_directory(SafePath(path), os.lstat("/")).id


@pytest.mark.parametrize("name", [b"a", b"\xff\n", b"\0ktp_****\0token", b""])
def test_rows_come_back_as_they_were(baseline: Baseline, name: bytes) -> None:
    number = add(baseline, b"/srv")
    baseline.begin()
    baseline.replace(number, SafePath(b"/srv"), name, None, ROW)
    assert baseline.row(number, name) == ROW
    assert baseline.rows(number) == {name: ROW}
    assert baseline.rows(number + 1) == {}
    baseline.replace(number, SafePath(b"/srv"), name, ROW, None)
    assert baseline.count() == 0


def test_a_subtree_holds_no_neighbours(baseline: Baseline) -> None:
    for path in (b"/", b"/a", b"/a/b", b"/a/b/c", b"/a-b", b"/a0", b"/ab", b"/a\xff", b"/b"):
        add(baseline, path)
    assert [path for _, path in baseline.subtree(SafePath(b"/a"))] == [b"/a/b/c", b"/a/b", b"/a"]
    assert len(baseline.subtree(SafePath(b"/"))) == 9
    assert baseline.subtree(SafePath(b"/c")) == []


def test_directories(baseline: Baseline, tmp_path: Path) -> None:
    state = os.stat(tmp_path)
    entry = baseline.add_directory(SafePath(b"/srv"), state)
    assert not entry.complete
    done = finished(entry, state, mount=True)
    baseline.finish_directory(done)
    assert baseline.directory(SafePath(b"/srv")) == done
    assert same_directory(done, state)
    assert not same_directory(done._replace(inode=1), state)
    assert same_directory(done._replace(inode=1, device=99), state)  # renumbered by a reboot


def test_orphans(baseline: Baseline) -> None:
    top = add(baseline, b"/srv")
    add(baseline, b"/srv/named")
    add(baseline, b"/srv/orphan")
    add(baseline, b"/no/parent")
    baseline.begin()
    folder = ROW._replace(mode=stat.S_IFDIR | 0o755)
    baseline.replace(top, SafePath(b"/srv"), b"named", None, folder)
    assert sorted(baseline.orphans(frozenset({b"/srv"}))) == [b"/no/parent", b"/srv/orphan"]


def test_gaps_are_taken_once_and_only_up_to_a_number(baseline: Baseline) -> None:
    early, late = Gap("crashed", 1, 5), Gap("queue_overflow", 6, 9)
    assert baseline.last_gap() == 0
    baseline.add_gap(late)
    first = baseline.last_gap()
    baseline.add_gap(early)  # the clock was set back
    assert baseline.take_gaps(first) == [late]
    assert baseline.take_gaps(first) == []
    assert baseline.take_gaps(baseline.last_gap()) == [early]


def test_uncommitted_work_is_taken_back(tmp_path: Path) -> None:
    baseline = Baseline(tmp_path)
    baseline.begin()
    add(baseline, b"/srv")
    baseline.close()
    baseline = Baseline(tmp_path)
    assert baseline.directory(SafePath(b"/srv")) is None
    baseline.close()


def test_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    Baseline(tmp_path).close()
    database = sqlite3.connect(tmp_path / "baseline.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(sqlite3.DatabaseError, match="update the agent"):
        Baseline(tmp_path)


def test_set_aside(tmp_path: Path) -> None:
    (tmp_path / "baseline.db").write_bytes(b"junk" * 1000)
    with pytest.raises(sqlite3.DatabaseError):
        Baseline(tmp_path)
    kept = set_aside(tmp_path, 7)
    assert kept.read_bytes() == b"junk" * 1000
    Baseline(tmp_path).close()
