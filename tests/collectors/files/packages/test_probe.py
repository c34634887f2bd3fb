"""What must not happen: a lock that is held and not seen, or one that we take ourselves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collectors.files.packages.probe import Dpkg
from tests.collectors.files.packages.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root")


@pytest.mark.parametrize("name", ["lock", "lock-frontend"])
def test_locks_of_another_process(world: World, name: str) -> None:
    dpkg = Dpkg(world.root)
    assert not dpkg.look().locked
    with world.lock(name):
        assert dpkg.look().locked
        assert dpkg.look().locked, "looking does not take it away"
    assert not dpkg.look().locked


def test_looking_leaves_nothing_open(world: World) -> None:
    dpkg = Dpkg(world.root)
    dpkg.look()
    before = os.listdir("/proc/self/fd")
    for _ in range(20):
        dpkg.look()
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_host_without_dpkg(tmp_path: Path) -> None:
    dpkg = Dpkg(os.fsencode(tmp_path))
    assert not dpkg.present()
    assert not dpkg.look().locked
    assert dpkg.acts(0, 0) == []


def test_the_log_is_read_on_and_over_a_rotation(world: World) -> None:
    dpkg = Dpkg(world.root)
    world.log("install a:all <none> 1")
    inode, size = dpkg.look().log
    world.log("install b:all <none> 1")
    assert [act.package for act in dpkg.acts(inode, size)] == ["b:all"]
    log = world.path("/var/log/dpkg.log")
    log.rename(world.path("/var/log/dpkg.log.1"))
    world.log("install c:all <none> 1")
    assert [act.package for act in dpkg.acts(inode, size)] == ["b:all", "c:all"]
    log.write_bytes(b"")
    world.log("install d:all <none> 1")
    assert [act.package for act in dpkg.acts(dpkg.look().log[0], 1 << 40)] == ["d:all"]


def test_a_link_in_place_of_the_log_is_not_followed(world: World, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("2026-11-24 08:33:12 install evil:all <none> 1\n")
    log = world.path("/var/log/dpkg.log")
    log.unlink()
    log.symlink_to(other)
    assert Dpkg(world.root).acts(0, 0) == []
