"""What must not happen: a reader that writes, a page that repeats or leaves out a name."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files.attributes import Attributes
from collectors.files.compare import Row
from collectors.files.deploy.view import View, change, differing, state
from collectors.paths import SafePath
from tests.collectors.files.context import Running

FILE = Row(5, 1, 10, 10, 3, 0o100644, 0, 0, "hashed", b"a" * 32)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "watched"
    for name in ("a/b", "a.b", "c", "a/b/deep"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    for name in ("a/x", "a/b/y", "a.b/z", "top", "c/\udcff\n"):
        (directory / name).write_bytes(b"x")
    return directory


@pytest.fixture
def view(root: Path, tmp_path: Path) -> Iterator[View]:
    with (
        Running(tmp_path / "agent", [root]) as running,
        contextlib.closing(View(running.context.state_dir)) as made,
    ):
        yield made


def test_nothing_can_be_written(view: View) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        view.put("x", 1)


def test_no_baseline(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        View(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_hold_every_name_once(view: View, root: Path, size: int) -> None:
    whole = [entry.path for entry in view.entries(SafePath(b""))]
    everything = {bytes(root), *(bytes(path) for path in root.rglob("*"))}
    assert len(whole) == len(set(whole)) == len(everything)
    assert set(whole) == everything
    pages: list[SafePath] = []
    while page := [
        entry.path
        for entry in itertools.islice(
            view.entries(SafePath(b""), pages[-1] if pages else None), size
        )
    ]:
        pages += page
    assert pages == whole


def test_a_part(view: View, root: Path) -> None:
    below = [bytes(entry.path) for entry in view.entries(SafePath(bytes(root / "a")))]
    assert below[0] == bytes(root / "a")
    assert set(below) == {bytes(root / name) for name in ("a", "a/b", "a/x", "a/b/deep", "a/b/y")}
    (one,) = view.entries(SafePath(bytes(root / "top")))
    assert one.row.size == 1
    assert list(view.entries(SafePath(b"/none"))) == []


def test_words() -> None:
    other = FILE._replace(mode=0o104755, uid=33, digest=b"b" * 32)
    assert differing(FILE, other) == [
        "mode 0644 -> 4755",
        "owner 0:0 -> 33:0",
        "sha256 616161616161 -> 626262626262",
    ]
    assert differing(FILE, FILE._replace(mtime=99, inode=9)) == []
    assert differing(None, FILE) == []
    capable = FILE._replace(attributes=Attributes(capabilities="cap_net_raw=ep", others=b"x"))
    assert differing(FILE, capable) == ["capabilities - -> cap_net_raw=ep", "xattr"]
    assert differing(FILE._replace(attributes=None), capable) == []
    shown = state(capable)
    assert shown is not None
    assert shown["capabilities"] == "cap_net_raw=ep"
    assert [change(None, FILE), change(FILE, None), change(FILE, other)] == [
        "created",
        "deleted",
        "modified",
    ]
    assert state(None) is None
    sampled = state(FILE._replace(outcome="sampled"))
    assert sampled is not None
    assert sampled["sha256"] is None
