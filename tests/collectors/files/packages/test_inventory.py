"""What must not happen: a package stated twice, never, half, or while packages change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files.packages import inventory
from collectors.files.packages.folding import Packages
from collectors.kinds import PackageInventory
from tests.collectors.files.context import FakeContext, Running
from tests.collectors.files.packages.world import World, files_of
from tests.patience import until

NAMES = [f"p{number}" for number in range(7)]


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Packages, "quiet", 0.5)
    monkeypatch.setattr(Packages, "inventory_start", 0.0)
    monkeypatch.setattr(Packages, "inventory_pause", 0.2)
    monkeypatch.setattr(inventory, "BATCH", 3)


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path / "root")
    for name in NAMES:
        found.unpack(name, "1.0", files_of(name, "1.0", 5), conffiles={f"/etc/{name}": b"c"})
    return found


def start(tmp_path: Path, world: World, context: FakeContext | None = None) -> Running:
    paths = world.watched()
    return Running(tmp_path / "agent", paths, root=world.root, packages=True, context=context)


def stated(running: Running) -> Iterator[PackageInventory]:
    for sighting in running.context.sightings():
        if isinstance(sighting.record, PackageInventory):
            yield sighting.record


def names(running: Running) -> list[str]:
    assert running.error is None, repr(running.error)
    return [str(each.name) for record in stated(running) for each in record.packages]


def test_every_package_is_stated_once_and_in_pieces(tmp_path: Path, world: World) -> None:
    with start(tmp_path, world) as running:
        until(lambda: len(names(running)) >= 7, "all packages")
        assert sorted(names(running)) == [f"{name}:all" for name in NAMES]
        assert [r.waiting for r in stated(running)] == [4, 1, 0]
        assert [r.count for r in stated(running)] == [3, 3, 1]
    with start(tmp_path, world) as running:
        running.settle()
        assert len(names(running)) == 7


def test_it_is_what_a_run_of_dpkg_tells_of_the_same_files(tmp_path: Path, world: World) -> None:
    """Two hosts, one that had the version already and one that installs it, can be compared."""
    with start(tmp_path / "one", world) as running:
        until(lambda: len(names(running)) >= 7, "all packages")
        (told,) = [e for r in stated(running) for e in r.packages if e.name == "p3:all"]
    other = World(tmp_path / "two/root")
    other.unpack("first", "1.0", files_of("first", "1.0", 2))
    with start(tmp_path / "two", other) as running:
        until(lambda: running.sensor.coverage()["packages"] == "known", "manifests")
        with other.lock():
            other.unpack("p3", "1.0", files_of("p3", "1.0", 5), conffiles={"/etc/p3": b"other"})
        until(running.context.transactions, "the run")
        (change,) = running.context.transactions()[0].packages
    assert (change.name, change.new) == (told.name, told.version)
    assert (change.digest, change.listed, change.files) == (told.digest, told.listed, told.files)


def test_nothing_is_stated_while_packages_change(tmp_path: Path, world: World) -> None:
    with world.lock(), start(tmp_path, world) as running:
        running.settle()
        assert names(running) == []


def test_killed_in_between_the_rest_is_stated_later(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Packages, "inventory_pause", 3600.0)
    with start(tmp_path, world) as running:
        until(lambda: len(names(running)) == 3, "the first three")
    monkeypatch.setattr(Packages, "inventory_pause", 0.2)
    world.remove("p6")
    with start(tmp_path, world) as running:
        until(lambda: len(names(running)) >= 6, "the rest")
        running.settle()
        assert sorted(names(running)) == [f"{name}:all" for name in NAMES[:6]]


def test_a_file_that_differs_shows(tmp_path: Path, world: World) -> None:
    with start(tmp_path / "one", world) as running:
        until(lambda: len(names(running)) >= 7, "all packages")
        before = {e.name: e for r in stated(running) for e in r.packages}
    world.path("/usr/bin/p2-0").write_bytes(b"evil")
    with start(tmp_path / "two", world) as running:
        until(lambda: len(names(running)) >= 7, "all packages")
        after = {e.name: e for r in stated(running) for e in r.packages}
    assert {str(name) for name in before if before[name].digest != after[name].digest} == {"p2:all"}
    assert all(before[name].listed == after[name].listed for name in before)
