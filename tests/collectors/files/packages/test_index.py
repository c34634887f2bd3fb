"""What must not happen: a path that is nobody's, or another's, after manifests have changed."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files.packages.dpkg import DpkgManifests
from collectors.files.packages.index import Index, Owned
from collectors.files.packages.probe import Dpkg
from collectors.paths import PathGuard
from tests.collectors.files.packages.world import World

NIK = "3204110905900003"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


class Known:
    """An index and questions to it."""

    def __init__(self, connection: sqlite3.Connection, world: World) -> None:
        self.guard = PathGuard(b"k" * 32)
        self.index = Index(connection, DpkgManifests(Dpkg(world.root)), self.guard, world.root)
        self.index.create_tables()
        self.world = world

    def refresh(self, *again: str) -> int:
        return sum(1 for _ in self.index.refresh(again))

    def owners(self, name: str) -> list[Owned]:
        return self.index.owners(self.guard.guard(self.world.root + name.encode()))


@pytest.fixture
def known(connection: sqlite3.Connection, world: World) -> Known:
    return Known(connection, world)


def test_owners_follow_the_manifests(known: Known, world: World) -> None:
    world.unpack("a", "1", {"/usr/bin/a": b"1"}, conffiles={"/etc/a": b"c"})
    assert known.refresh() == 1
    assert known.owners("/usr/bin/a") == [Owned("a", hashlib.md5(b"1").digest(), conffile=False)]
    assert known.owners("/etc/a") == [Owned("a", hashlib.md5(b"c").digest(), conffile=True)]
    assert known.owners("/usr/bin") == [Owned("a", None, conffile=False)]
    assert known.owners("/usr/bin/b") == []
    assert known.refresh() == 0, "nothing has changed"
    world.unpack("a", "2", {"/usr/bin/b": b"2"})
    assert known.refresh() == 1
    assert known.owners("/usr/bin/a") == []
    assert known.owners("/usr/bin/b")[0].digest == hashlib.md5(b"2").digest()
    world.remove("a")
    known.refresh()
    assert known.owners("/usr/bin/b") == []


def test_a_conffile_that_only_the_status_knows_anew(known: Known, world: World) -> None:
    world.unpack("a", "1", {}, conffiles={"/etc/a": b"c"})
    known.refresh()
    world.conffiles["a"] = {"/etc/a": b"d"}
    world._status()
    assert known.refresh() == 0
    assert known.refresh("a") == 1
    assert known.owners("/etc/a")[0].digest == hashlib.md5(b"d").digest()


def test_merged_directories(known: Known, world: World) -> None:
    (world.info / "b.list").write_text("/.\n/bin\n/bin/b\n")
    (world.info / "b.md5sums").write_text(f"{hashlib.md5(b'').hexdigest()}  bin/b\n")
    known.refresh()
    assert known.owners("/usr/bin/b")[0].package == "b"
    assert known.owners("/bin/b") == []


def test_diversions(known: Known, world: World) -> None:
    (world.admin / "diversions").write_text("/usr/bin/sh\n/usr/bin/sh.distrib\ndash\n")
    world.unpack("dash", "1", {"/usr/bin/sh": b"dash"})
    world.unpack("other", "1", {"/usr/bin/sh": b"other"})
    known.refresh()
    assert [owner.package for owner in known.owners("/usr/bin/sh")] == ["dash"]
    assert [owner.package for owner in known.owners("/usr/bin/sh.distrib")] == ["other"]


def test_several_owners(known: Known, world: World) -> None:
    world.unpack("a", "1", {"/usr/share/doc/x": b"1"})
    world.unpack("b", "1", {"/usr/share/doc/y": b"1"})
    known.refresh()
    assert {owner.package for owner in known.owners("/usr/share/doc")} == {"a", "b"}


def test_overrides(known: Known, world: World) -> None:
    (world.admin / "statoverride").write_text("root root 4755 /bin/b\n")
    assert known.index.overrides() == {world.root + b"/usr/bin/b": 0o4755}


def test_no_telling_path_is_stored(
    known: Known, world: World, connection: sqlite3.Connection
) -> None:
    world.unpack("a", "1", {f"/usr/share/ktp_{NIK}.txt": b"1"})
    known.refresh()
    assert known.owners(f"/usr/share/ktp_{NIK}.txt")[0].package == "a"
    stored = b"".join(row[0] for row in connection.execute("SELECT path FROM owned"))
    assert NIK.encode() not in stored
