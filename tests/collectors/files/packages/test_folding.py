"""What must not happen: a change folded away that no package made, lost, told twice, or flooding.

The sensor runs for real on a file system of the test's own; another process holds dpkg's lock.
"""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files.packages.folding import Packages
from collectors.files.packages.hold import Buffer
from collectors.kinds import FileChange, Severity
from tests.collectors.files.context import Running, closed
from tests.collectors.files.packages.world import World, files_of
from tests.patience import until


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root")


@pytest.fixture(autouse=True)
def short_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Packages, "quiet", 0.5)


@pytest.fixture
def running(tmp_path: Path, world: World) -> Iterator[Running]:
    world.unpack("alpha", "1.0", files_of("alpha", "1.0", 60))
    world.unpack("beta", "1.0", files_of("beta", "1.0", 60))
    world.unpack("gamma", "1.0", {"/usr/bin/gamma": b"gamma 1.0\n"}, conffiles={"/etc/gamma": b"a"})
    with start(tmp_path, world) as running:
        known(running)
        yield running


def start(tmp_path: Path, world: World) -> Running:
    return Running(tmp_path / "agent", world.watched(), root=world.root, packages=True)


def known(running: Running) -> None:
    """Wait until the manifests have been read."""
    until(lambda: running.sensor.coverage()["packages"] == "known", "manifests")


def severity_of(running: Running, path: Path) -> list[int | None]:
    return [
        sighting.severity
        for sighting in running.context.sightings()
        if isinstance(sighting.record, FileChange) and sighting.record.path == str(path)
    ]


def told(running: Running) -> set[str]:
    return {change.path for change in running.context.changes()}


def test_an_upgrade_is_one_event(running: Running, world: World) -> None:
    with world.lock():
        world.unpack("alpha", "1.1", files_of("alpha", "1.1", 61))
        until(lambda: running.sensor.coverage()["held"], "held changes")
        assert running.context.changes() == []
    event = closed(running)
    assert [change.path for change in running.context.changes()] == []
    assert event.unexplained == 0
    assert event.total >= 61
    assert [(p.name, p.action, p.old, p.new) for p in event.packages] == [
        ("alpha:all", "upgrade", "1.0", "1.1")
    ]
    assert event.outcome == "closed"
    assert sum(event.actions.values()) == event.total
    assert len(event.sample) == 10
    # Other sensors hear of every file, whatever is folded.
    assert {os.fsencode(world.path(p)) for p in files_of("alpha", "1.1", 61)} <= set(
        running.context.published
    )


def test_no_altered_file_is_folded(running: Running, world: World) -> None:
    """100 random owned files altered in ten ways while their packages are upgraded."""
    chance = random.Random(20261124)
    files = {**files_of("alpha", "2.0", 120), **files_of("beta", "2.0", 120)}
    with world.lock():
        world.unpack("alpha", "2.0", files_of("alpha", "2.0", 120))
        world.unpack("beta", "2.0", files_of("beta", "2.0", 120))
        victims = chance.sample(sorted(files), 100)
        for number, name in enumerate(victims):
            alter(world.path(name), number % 10)
    event = closed(running)
    missing = {str(world.path(name)) for name in victims} - told(running)
    assert missing == set()
    assert event.total >= 140
    assert event.unexplained >= 100


def alter(path: Path, way: int) -> None:
    text = path.read_bytes()
    stamp = path.stat()
    if way == 0:
        path.write_bytes(text + b"#")
    elif way == 1:  # same size, same times
        path.write_bytes(bytes([text[0] ^ 1]) + text[1:])
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    elif way == 2:
        path.chmod(0o4755)
    elif way == 3:
        path.chmod(0o777)
    elif way == 4:
        path.unlink()
    elif way == 5:
        path.unlink()
        path.symlink_to("/tmp/elsewhere")
    elif way == 6:
        path.unlink()
        path.mkdir()
    elif way == 7:
        fresh = path.with_name(path.name + ".dpkg-new")
        fresh.write_bytes(b"#!/bin/sh\n")
        os.rename(fresh, path)
    elif way == 8:
        path.write_bytes(b"")
    else:
        path.unlink()
        os.mkfifo(path)


def test_strangers_during_an_upgrade_are_told(running: Running, world: World) -> None:
    strangers = [
        world.path("/usr/bin/evil"),
        world.path("/etc/ld.so.preload"),
        world.path("/usr/bin/alpha-0.dpkg-evil"),
        world.path("/usr/lib/alpha/extra.so"),
    ]
    with world.lock():
        world.unpack("alpha", "1.1", files_of("alpha", "1.1", 60))
        for path in strangers:
            path.write_bytes(b"\x7fELF")
    event = closed(running)
    assert told(running) == {str(path) for path in strangers}
    # What never comes from a package has not waited.
    assert event.unexplained == len(running.context.changes()) - 1


def test_a_foreign_state_in_between_is_told(running: Running, world: World) -> None:
    victim = world.path("/usr/bin/alpha-0")
    evil = b"#!/bin/sh\nevil\n"
    with world.lock():
        world.unpack("beta", "1.1", files_of("beta", "1.1", 60))
        victim.write_bytes(evil)
        until(lambda: running.sensor.coverage()["held"], "held changes")
        running.context.beats = 0
        seen = hashlib.sha256(evil).hexdigest()
        until(lambda: os.fsencode(victim) in running.context.published, "seen")
        world.unpack("alpha", "1.1", files_of("alpha", "1.1", 60))
    closed(running)
    assert seen in {change.sha256 for change in running.context.changes()}
    assert told(running) == {str(victim)}


def test_a_package_that_is_not_in_the_log_explains_nothing(running: Running, world: World) -> None:
    with world.lock():
        world.unpack("alpha", "1.1", files_of("alpha", "1.1", 60))
        world.unpack("beta", "6.6", files_of("beta", "6.6", 60), log=False)
    event = closed(running)
    assert [p.name for p in event.packages] == ["alpha:all"]
    assert {str(world.path(p)) for p in files_of("beta", "6.6", 60)} <= told(running)
    manifest = world.info / "beta.md5sums"
    assert set(severity_of(running, manifest)) == {Severity.HIGH}


def test_a_removal_is_one_event(running: Running, world: World) -> None:
    with world.lock():
        world.remove("beta")
    event = closed(running)
    assert running.context.changes() == []
    assert event.actions["deleted"] >= 60


def test_owned_files_outside_a_transaction(running: Running, world: World) -> None:
    until(lambda: running.sensor.coverage()["held"] == 0)
    victim = world.path("/usr/bin/alpha-0")
    victim.write_bytes(b"evil")
    change = running.wait("modified", victim)
    assert change.package == "alpha"
    assert severity_of(running, victim) == [Severity.MEDIUM]
    stranger = world.path("/usr/bin/stranger")
    stranger.write_bytes(b"x")
    assert running.wait("created", stranger).package is None
    assert severity_of(running, stranger) == [None]
    conffile = world.path("/etc/gamma")
    conffile.write_bytes(b"edited by the administrator")
    assert running.wait("modified", conffile).package == "gamma"
    assert severity_of(running, conffile) == [None]
    other = world.path("/usr/bin/alpha-3")
    other.chmod(0o777)
    running.wait("attributes", other)
    assert severity_of(running, other) == [Severity.MEDIUM]


def test_a_manifest_outside_a_transaction_is_an_alarm(running: Running, world: World) -> None:
    manifest = world.info / "alpha.md5sums"
    manifest.write_bytes(manifest.read_bytes() + b"0" * 32 + b"  usr/bin/evil\n")
    running.wait("modified", manifest)
    assert set(severity_of(running, manifest)) == {Severity.HIGH}
    assert running.context.transactions() == []


def test_an_upgrade_while_the_agent_was_down(tmp_path: Path, world: World) -> None:
    world.unpack("alpha", "1.0", files_of("alpha", "1.0", 60))
    with start(tmp_path, world) as running:
        known(running)
    world.install("alpha", "1.1", files_of("alpha", "1.1", 60))
    world.path("/usr/bin/alpha-0").write_bytes(b"evil")
    with start(tmp_path, world) as running:
        event = closed(running)
        assert told(running) == {str(world.path("/usr/bin/alpha-0"))}
        assert event.total >= 59


def test_a_lock_that_is_never_given_back(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Packages, "limit", 1.0)
    world.unpack("alpha", "1.0", files_of("alpha", "1.0", 60))
    with start(tmp_path, world) as running, world.lock():
        world.unpack("alpha", "1.1", files_of("alpha", "1.1", 60))
        stranger = world.path("/usr/bin/evil")
        stranger.write_bytes(b"x")
        running.wait("created", stranger)
        assert closed(running).outcome == "expired"
        second = world.path("/usr/bin/evil2")
        second.write_bytes(b"x")
        running.wait("created", second)


def test_a_lock_alone_holds_nothing(running: Running, world: World) -> None:
    with world.lock():
        stranger = world.path("/usr/bin/evil")
        stranger.write_bytes(b"x")
        running.wait("created", stranger)
        assert running.sensor.coverage()["held"] == 0


def test_a_prompt_does_not_hold_for_long(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Packages, "stale", 1.0)
    with start(tmp_path, world) as running, world.lock():
        world.unpack("alpha", "1.0", files_of("alpha", "1.0", 30))
        stranger = world.path("/usr/bin/evil")
        stranger.write_bytes(b"x")
        running.wait("created", stranger)
        assert told(running) == {str(stranger)}
        assert closed(running).outcome == "expired"


def test_a_trigger_may_not_lead_the_linker_astray(running: Running, world: World) -> None:
    cache = world.path("/etc/ld.so.cache")
    with world.lock():
        world.unpack("alpha", "1.1", files_of("alpha", "1.1", 60))
        cache.write_bytes(b"glibc-ld.so.cache1.1\0" + b"/lib/alpha/m1\0")
    closed(running)
    assert told(running) == set()
    with world.lock():
        world.unpack("alpha", "1.2", files_of("alpha", "1.2", 60))
        cache.write_bytes(b"glibc-ld.so.cache1.1\0" + b"/lib/alpha/m1\0/tmp/evil.so\0")
    closed(running, 2)
    assert told(running) == {str(cache)}


def test_conffiles_and_links(running: Running, world: World) -> None:
    links = {"/usr/lib/gamma.so": "../bin/gamma", "/usr/lib/astray.so": "/tmp/evil.so"}
    with world.lock():
        world.unpack(
            "gamma",
            "1.1",
            {"/usr/bin/gamma": b"gamma 1.1\n"},
            conffiles={"/etc/gamma": b"b", "/etc/gamma2": b"c"},
            links=links,
        )
    closed(running)
    assert told(running) == {str(world.path("/usr/lib/astray.so"))}


def test_the_children_are_kept(running: Running, world: World) -> None:
    with world.lock():
        world.unpack("alpha", "1.1", files_of("alpha", "1.1", 60))
    event = closed(running)
    connection = sqlite3.connect(running.context.state_dir / "baseline.db", timeout=10.0)
    try:
        children = list(Buffer(connection).children(event.number))
    finally:
        connection.close()
    digest = hashlib.sha256()
    for child in children:
        digest.update(
            b"\0".join((child.action.encode(), child.path, (child.sha256 or "").encode())) + b"\n"
        )
    assert digest.hexdigest() == event.digest
    assert len(children) == event.total
    reasons = {child.why.removesuffix(" (unverified)") for child in children}
    assert reasons <= {"manifest", "state", "transient", "owned"}
    assert sum("unverified" in child.why for child in children) == event.unverified


def test_setuid_does_not_wait(running: Running, world: World) -> None:
    with world.lock():
        world.unpack("alpha", "1.1", files_of("alpha", "1.1", 60))
        stranger = world.path("/usr/bin/evil")
        stranger.write_bytes(b"x")
        stranger.chmod(0o4755)
        running.wait("created", stranger)
        assert running.context.transactions() == []


def test_places_without_packages_do_not_wait(tmp_path: Path, world: World) -> None:
    site = world.path("/var/www/html")
    site.mkdir(parents=True)
    paths = [*world.watched(), site]
    with Running(tmp_path / "agent", paths, root=world.root, packages=True) as running:
        with world.lock():
            world.unpack("alpha", "1.0", files_of("alpha", "1.0", 60))
            (site / "shell.php").write_bytes(b"<?php")
            running.wait("created", site / "shell.php")
            assert running.context.transactions() == []
        closed(running)


def test_what_is_held_is_told_when_the_setting_is_taken_back(tmp_path: Path, world: World) -> None:
    world.unpack("alpha", "1.0", files_of("alpha", "1.0", 3))
    with world.lock():
        with start(tmp_path, world) as running:
            world.log("startup archives unpack")
            world.path("/usr/bin/evil").write_bytes(b"x")
            until(lambda: running.sensor.coverage()["held"], "held changes")
        paths = world.watched()
        with Running(tmp_path / "agent", paths, root=world.root, packages=False) as running:
            running.wait("created", world.path("/usr/bin/evil"))
