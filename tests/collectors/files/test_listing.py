"""What must not happen: a directory counts as unchanged although a row of it would differ."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.files.listing import Gathered, unchanged
from collectors.files.rows import packed


def digest(directory: Path) -> bytes:
    gathered = Gathered()
    for path in directory.iterdir():
        name = os.fsencode(path.name)
        gathered.add(name, name, packed(os.lstat(path)))
    found = gathered.digest()
    assert found is not None
    return found


def look(directory: Path, seen: bytes, left_out: bytes | None = None) -> list[bytes] | None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return unchanged(descriptor, seen, None if left_out is None else left_out.__eq__)
    finally:
        os.close(descriptor)


def _swap(top: Path) -> None:
    (top / "a").rename(top / "t")
    (top / "b").rename(top / "a")
    (top / "t").rename(top / "b")


def _restore(top: Path) -> None:
    state = os.stat(top / "a")
    (top / "a").write_bytes(b"2")
    os.utime(top / "a", ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        lambda top: (top / "new").touch(),
        lambda top: (top / "a").unlink(),
        lambda top: (top / "a").chmod(0o600),
        lambda top: os.link(top / "a", top.parent / "outside"),
        lambda top: os.utime(top / "a", (1, 1)),
        lambda top: (top / "sub").rmdir(),
        _restore,
        _swap,
    ],
)
def test_any_change_shows(tmp_path: Path, change: Callable[[Path], object]) -> None:
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    for name in ("a", "b"):
        (top / name).write_bytes(b"1")
        os.utime(top / name, (5, 5))
    seen = digest(top)
    assert look(top, seen) == [b"sub"]
    change(top)
    assert look(top, seen) is None


def test_what_is_left_out_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    seen = digest(tmp_path)
    (tmp_path / "cache").touch()
    assert look(tmp_path, seen) is None
    assert look(tmp_path, seen, b"cache") == []


def test_names_that_are_no_text(tmp_path: Path) -> None:
    for name in (b"\xff", b"\xc3\xa4", b"new\nline"):
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).touch()
    assert look(tmp_path, digest(tmp_path)) == []


@pytest.mark.parametrize(("key", "state"), [(b"\0ktp_1***\0token", b"s"), (b"a", None)])
def test_a_masked_name_or_an_open_question_leaves_no_digest(
    key: bytes, state: bytes | None
) -> None:
    gathered = Gathered()
    gathered.add(b"x", b"x", b"s")
    gathered.add(b"a", key, state)
    gathered.add(b"y", b"y", b"s")
    assert gathered.digest() is None
