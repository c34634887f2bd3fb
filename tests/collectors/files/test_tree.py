"""What must not happen: being led elsewhere by a link, or stopped by a long path."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from collectors.files import tree


def test_no_component_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    for path in ("link", "link/sub"):
        with pytest.raises(NotADirectoryError):
            tree.open_directory(os.fsencode(tmp_path / path))


def test_not_there_and_not_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError):
        tree.open_directory(os.fsencode(tmp_path / "no"))
    with pytest.raises(NotADirectoryError):
        tree.open_directory(os.fsencode(tmp_path / "file"))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(NotADirectoryError):  # and does not wait for a writer
        tree.open_directory(os.fsencode(tmp_path / "fifo"))


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    os.close(tree.open_directory(os.fsencode(tmp_path)))
    os.close(tree.open_directory(b"/"))
    with pytest.raises(FileNotFoundError):
        tree.open_directory(os.fsencode(tmp_path / "a" / "b" / "c"))
    assert len(os.listdir("/proc/self/fd")) == before


def test_looking_and_listing(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "l").symlink_to("d")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n")).touch()
    here = tree.open_directory(os.fsencode(tmp_path))
    assert tree.names(here) == {b"d", b"l", b"\xff\n"}
    assert tree.subdirectories(here) == [b"d"]
    assert tree.link_target(here, b"/x", b"l") == b"d"
    assert tree.link_target(here, b"/x", b"d") is None
    assert tree.look(here, b"/x", b"no") is None
    assert tree.look(tree.NOWHERE, b"/x", b"d") is None
    found = tree.look(here, b"/x", b"l")
    assert found is not None
    assert tree.type_of(found.st_mode) == "symlink"
    assert not tree.is_mount(here)
    os.close(here)
    proc = tree.open_directory(b"/proc")
    assert tree.is_mount(proc)
    os.close(proc)


@pytest.mark.root
def test_a_directory_that_was_moved_out_of_its_mount(tmp_path: Path) -> None:
    (tmp_path / "real" / "sub" / "x").mkdir(parents=True)
    (tmp_path / "bind").mkdir()
    subprocess.run(["mount", "--bind", tmp_path / "real" / "sub", tmp_path / "bind"], check=True)
    try:
        here = tree.open_directory(os.fsencode(tmp_path / "bind" / "x"))
        (tmp_path / "real" / "sub" / "x").rename(tmp_path / "real" / "x")
        with pytest.raises(FileNotFoundError):  # what the kernel says of its parent
            os.stat("..", dir_fd=here)
        assert not tree.is_mount(here)
        os.close(here)
    finally:
        subprocess.run(["umount", tmp_path / "bind"], check=True)
