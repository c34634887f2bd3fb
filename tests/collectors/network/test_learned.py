"""What must not happen: others read what is usual here, or a bad disk stops the sensor."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collectors.network.learned import Learned


@pytest.fixture
def loose() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("loose")
def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "learned"
    (tmp_path / "learned.new").write_bytes(b"left by a crash")
    (tmp_path / "learned.new").chmod(0o666)
    Learned(path).write(b"x")
    assert path.stat().st_mode & 0o777 == 0o600
    assert Learned(path).read() == b"x"


def test_it_is_written_through_no_link(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    (tmp_path / "learned.new").symlink_to(other)
    Learned(tmp_path / "learned").write(b"x")
    assert other.read_bytes() == b"mine"
    assert Learned(tmp_path / "learned").read() == b""


def test_too_much_and_no_disk_cost_only_the_memory(tmp_path: Path) -> None:
    Learned(tmp_path / "learned").write(bytes((16 << 20) + 1))
    assert not (tmp_path / "learned").exists()
    nowhere = Learned(tmp_path / "none" / "learned")
    nowhere.write(b"x")
    assert nowhere.read() == b""
