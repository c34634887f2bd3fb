"""What must not happen: a manifest believed that was written by somebody else than dpkg.

The sensor runs for real beside a repository whose gpgv knows one friend.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files.packages.folding import Packages
from collectors.files.packages.hold import Buffer
from collectors.kinds import FileChange, PackageTransaction, Severity
from tests.collectors.files.context import Running, closed
from tests.collectors.files.packages.debs import Repository, deb
from tests.collectors.files.packages.world import World, files_of
from tests.patience import until

COUNT = 12


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root")


@pytest.fixture
def shop(world: World) -> Repository:
    return Repository(world.top)


@pytest.fixture
def running(
    tmp_path: Path, world: World, shop: Repository, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    monkeypatch.setattr(Packages, "quiet", 0.5)
    monkeypatch.setattr(Packages, "gpgv", str(shop.gpgv))
    for package in ("alpha", "beta"):
        world.unpack(package, "1.0", files_of(package, "1.0", COUNT))
    with Running(tmp_path / "agent", world.watched(), root=world.root, packages=True) as running:
        until(lambda: running.sensor.coverage()["packages"] == "known", "manifests")
        yield running


def told(running: Running) -> dict[str, FileChange]:
    return {change.path: change for change in running.context.changes()}


def weights(running: Running) -> dict[str, int | None]:
    return {
        s.record.path: s.severity
        for s in running.context.sightings()
        if isinstance(s.record, FileChange)
    }


def reasons(running: Running, number: int) -> set[str]:
    connection = sqlite3.connect(running.context.state_dir / "baseline.db", timeout=10.0)
    try:
        return {child.why for child in Buffer(connection).children(number)}
    finally:
        connection.close()


def upgrade(world: World, shop: Repository, *, listed: bool = True) -> dict[str, bytes]:
    files = files_of("alpha", "1.1", COUNT)
    shop.add("alpha", "1.1", deb("alpha", "1.1", files), listed=listed)
    world.unpack("alpha", "1.1", files)
    return files


def test_what_a_signed_list_names_is_proven(
    running: Running, world: World, shop: Repository
) -> None:
    with world.lock():
        upgrade(world, shop)
    event = closed(running)
    assert told(running) == {}
    assert (event.unverified, event.unproven, event.unexplained) == (0, (), 0)
    assert [p.proof for p in event.packages] == ["archive"]
    assert "archive" in reasons(running, event.number)
    assert not any("unverified" in why for why in reasons(running, event.number))


@pytest.mark.parametrize("doubt", ["not listed", "signed by a stranger", "no archive"])
def test_what_nothing_vouches_for_is_counted(
    running: Running, world: World, shop: Repository, doubt: str
) -> None:
    with world.lock():
        upgrade(world, shop, listed=doubt != "not listed")
        if doubt == "signed by a stranger":
            shop.sign(by="a stranger")
        elif doubt == "no archive":
            shop.sign()
            for path in shop.archives.glob("*.deb"):
                path.write_bytes(b"")
    event = closed(running)
    assert told(running) == {}
    assert event.unverified >= COUNT
    assert event.unproven == ("alpha:all",)
    found = running.context.sightings()
    severity = [s.severity for s in found if isinstance(s.record, PackageTransaction)]
    assert severity == [Severity.MEDIUM]


def test_a_manifest_altered_with_its_file(running: Running, world: World, shop: Repository) -> None:
    with world.lock():
        files = upgrade(world, shop)
        victim, manifest = "/usr/bin/alpha-0", world.info / "alpha.md5sums"
        world.path(victim).write_bytes(b"evil")
        text = manifest.read_text()
        good, bad = (hashlib.md5(c).hexdigest() for c in (files[victim], b"evil"))
        manifest.write_text(text.replace(good, bad))
        assert manifest.read_text() != text
    closed(running)
    assert set(told(running)) == {str(world.path(victim)), str(manifest)}
    assert weights(running)[str(manifest)] == Severity.HIGH
    assert told(running)[str(manifest)].package_state == "manifest"
    assert told(running)[str(world.path(victim))].package_state == "differs"


def test_a_file_smuggled_into_the_list(running: Running, world: World, shop: Repository) -> None:
    with world.lock():
        upgrade(world, shop)
        evil, manifest = world.path("/usr/bin/evil"), world.info / "alpha.list"
        evil.symlink_to("alpha-0")
        manifest.write_text(manifest.read_text() + "/usr/bin/evil\n")
    closed(running)
    assert set(told(running)) == {str(evil), str(manifest)}


def test_a_second_manifest_under_another_name(
    running: Running, world: World, shop: Repository
) -> None:
    with world.lock():
        upgrade(world, shop)
        evil, content = world.path("/usr/bin/evil"), b"evil"
        evil.write_bytes(content)
        text = f"{hashlib.md5(content).hexdigest()}  usr/bin/evil\n"
        names = ["alpha:all", "alpha:i386"]
        for name in names:
            (world.info / f"{name}.md5sums").write_text(text)
    closed(running)
    fakes = {str(world.info / f"{name}.md5sums") for name in names}
    assert set(told(running)) == {str(evil), *fakes}


def test_a_script_altered_during_the_run(running: Running, world: World, shop: Repository) -> None:
    good = b"#!/bin/sh\nexit 0\n"
    files = files_of("alpha", "1.1", COUNT)
    archive = deb("alpha", "1.1", files, scripts={"postinst": good, "prerm": good})
    with world.lock():
        shop.add("alpha", "1.1", archive)
        world.unpack("alpha", "1.1", files)
        for name, text in (("postinst", good), ("prerm", good + b"evil\n")):
            (world.info / f"alpha.{name}").write_bytes(text)
            (world.info / f"alpha.{name}").chmod(0o755)
    closed(running)
    assert set(told(running)) == {str(world.info / "alpha.prerm")}


def test_links_are_checked_against_the_archive(
    running: Running, world: World, shop: Repository
) -> None:
    files = files_of("alpha", "1.1", COUNT)
    links = {"/usr/lib/good": "/dev/null", "/usr/lib/bad": "/dev/null"}
    with world.lock():
        shop.add("alpha", "1.1", deb("alpha", "1.1", files, links=links))
        world.unpack("alpha", "1.1", files, links={**links, "/usr/lib/bad": "/tmp/evil"})
    closed(running)
    assert set(told(running)) == {str(world.path("/usr/lib/bad"))}


def test_the_archive_may_go_while_dpkg_runs(
    running: Running, world: World, shop: Repository
) -> None:
    """As apt(8) does: it removes what it fetched when dpkg has ended."""
    with world.lock():
        upgrade(world, shop)
        database = running.context.state_dir / "baseline.db"
        until(lambda: gathered(database) == 1, "the archive is read")
        next(shop.archives.glob("*.deb")).unlink()
    event = closed(running)
    assert (event.unverified, event.unexplained) == (0, 0)
    until(lambda: gathered(database) == 0, "nothing is kept")


def gathered(database: Path) -> int:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10.0)
    try:
        return int(connection.execute("SELECT count(*) FROM archive").fetchone()[0])
    finally:
        connection.close()


def alter_both(world: World, package: str) -> set[str]:
    """Alter a file and its manifest to match; return both."""
    victim, manifest = world.path(f"/usr/bin/{package}-0"), world.info / f"{package}.md5sums"
    good = hashlib.md5(victim.read_bytes()).hexdigest()
    victim.write_bytes(b"evil")
    manifest.write_text(manifest.read_text().replace(good, hashlib.md5(b"evil").hexdigest()))
    return {str(victim), str(manifest)}


def test_a_package_that_is_only_triggered_keeps_its_manifest(
    running: Running, world: World
) -> None:
    with world.lock():
        world.log("trigproc beta:all 1.0 <none>")
        both = alter_both(world, "beta")
    closed(running)
    assert set(told(running)) == both


def test_a_manifest_altered_earlier_is_not_learnt(running: Running, world: World) -> None:
    manifest = world.info / "beta.md5sums"
    text = manifest.read_text()
    bad = hashlib.md5(b"evil").hexdigest()
    victim = world.path("/usr/bin/beta-0")
    good = hashlib.md5(victim.read_bytes()).hexdigest()
    manifest.write_text(text.replace(good, bad))
    running.wait("modified", manifest)
    with world.lock():
        world.log("trigproc alpha:all 1.0 <none>")
    closed(running)
    with world.lock():
        world.log("trigproc beta:all 1.0 <none>")
        victim.write_bytes(b"evil")
    closed(running, 2)
    assert told(running)[str(victim)].package_state == "differs"
