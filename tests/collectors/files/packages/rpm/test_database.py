"""What must not happen: a change folded away that no package of a real rpm made, or proof by a key
that came with it.

rpm installs, upgrades and erases packages, built and signed here, in a root of their own.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files.packages.choose import choose
from collectors.files.packages.folding import Packages
from collectors.files.packages.hold import Buffer
from collectors.files.packages.rpm.probe import RPM
from collectors.files.packages.rpm.query import ask
from collectors.kinds import FileChange, PackageTransaction, Severity
from tests.collectors.files.context import Running, closed
from tests.collectors.files.packages.rpm.rpms import Builder, Key, Machine, files_of, why_not
from tests.patience import until

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]


@pytest.fixture(autouse=True)
def short_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Packages, "quiet", 0.5)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Key]:
    found = Key(tmp_path_factory.mktemp("k") / "gpg", "Friend <friend@example.org>")
    yield found
    found.close()


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(tmp_path / "build")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "root")


@pytest.fixture
def running(tmp_path: Path, machine: Machine, builder: Builder, key: Key) -> Iterator[Running]:
    machine.rpm("--import", key.file)
    alpha = builder.build(
        "alpha",
        "1.0",
        files_of("alpha", "1.0", 60),
        config={"/etc/alpha.conf": b"a=1\n"},
        ghosts=["/usr/share/alpha/state"],
        links={"/usr/bin/alpha": "alpha-0"},
        key=key,
    )
    machine.upgrade(alpha, builder.build("beta", "1.0", files_of("beta", "1.0", 30)))
    sensor = Running(tmp_path / "agent", machine.watched(), root=machine.root, packages=True)
    with sensor as running:
        until(lambda: running.sensor.coverage()["packages"] == "known", "headers")
        yield running


def told(running: Running) -> list[str]:
    return [change.path for change in running.context.changes()]


def test_a_signed_upgrade_is_one_event(
    running: Running, machine: Machine, builder: Builder, key: Key
) -> None:
    files = files_of("alpha", "1.1", 61)
    machine.upgrade(
        builder.build(
            "alpha", "1.1", files, config={"/etc/alpha.conf": b"a=2\n"},
            links={"/usr/bin/alpha": "alpha-3"}, key=key,
        )
    )  # fmt: skip
    event = closed(running)
    assert told(running) == []
    assert (event.unexplained, event.unverified, event.unproven) == (0, 0, ())
    assert event.total >= 61
    assert [(p.name, p.action, p.old, p.new, p.proof) for p in event.packages] == [
        ("alpha:noarch", "upgrade", "1.0-1", "1.1-1", "signature")
    ]
    assert event.packages[0].files == 61
    assert {os.fsencode(machine.path(p)) for p in files} <= set(running.context.published)


def test_what_nobody_signed_folds_as_unverified(
    running: Running, machine: Machine, builder: Builder
) -> None:
    machine.upgrade(builder.build("beta", "2.0", files_of("beta", "2.0", 30)))
    event = closed(running)
    assert told(running) == []
    assert event.unverified >= 30
    assert event.unproven == ("beta:noarch",)
    (sighting,) = [s for s in running.context.sightings() if s.record == event]
    assert sighting.severity == Severity.MEDIUM


@pytest.mark.parametrize("signed", [True, False])
def test_no_altered_file_is_folded(
    running: Running, machine: Machine, builder: Builder, key: Key, *, signed: bool
) -> None:
    """100 random files of two packages altered in ten ways as soon as rpm has laid them down."""
    chance = random.Random(20261124)
    both = [files_of(name, "3.0", 120) for name in ("alpha", "beta")]
    packages = [
        builder.build(name, "3.0", files, key=key if signed else None)
        for name, files in zip(("alpha", "beta"), both, strict=True)
    ]
    victims = chance.sample(sorted({**both[0], **both[1]}), 100)
    machine.upgrade(*packages)
    for number, name in enumerate(victims):
        alter(machine.path(name), number % 10)
    event = closed(running)
    assert {str(machine.path(name)) for name in victims} - set(told(running)) == set()
    assert event.total >= 140
    assert event.unexplained >= 100


def alter(path: Path, way: int) -> None:
    text, stamp = path.read_bytes(), path.stat()
    if way == 0:
        path.write_bytes(text + b"#")
    elif way == 1:  # same size, same times
        path.write_bytes(bytes([text[0] ^ 1]) + text[1:])
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    elif way in (2, 3):
        path.chmod((0o4755, 0o777)[way - 2])
    elif way == 8:
        path.write_bytes(b"")
    elif way == 9:
        os.chown(path, 12345, -1)
    else:
        path.unlink()
        if way == 5:
            path.symlink_to("/tmp/elsewhere")
        elif way == 6:
            path.mkdir()
        elif way == 7:
            fresh = path.with_name(path.name + ";6b05a898")  # as rpm calls it while it writes
            fresh.write_bytes(b"#!/bin/sh\n")
            os.rename(fresh, path)


def test_a_key_that_came_with_the_run_proves_nothing(
    running: Running, machine: Machine, builder: Builder, tmp_path: Path
) -> None:
    other = Key(tmp_path / "gpg", "Stranger <stranger@example.org>")
    evil = builder.build("gamma", "1.0", {"/usr/bin/gamma": b"gamma\n"}, key=other)
    machine.rpm("--import", other.file)
    machine.upgrade(evil)
    other.close()
    until(lambda: {"gpg-pubkey", "gamma:noarch"} <= set(proofs(running)), "both")
    assert proofs(running)["gpg-pubkey"] == "none"
    if len(running.context.transactions()) == 1:
        assert proofs(running)["gamma:noarch"] == "none"
    for sighting in running.context.sightings():
        record = sighting.record
        if isinstance(record, PackageTransaction) and "gpg-pubkey" in record.names:
            assert sighting.severity == Severity.MEDIUM


def proofs(running: Running) -> dict[str, str | None]:
    """Return what proved each package so far."""
    events = running.context.transactions()
    return {str(p.name): p.proof for event in events for p in event.packages}


def test_a_signed_architecture_does_not_vouch_for_another(
    running: Running, machine: Machine, builder: Builder, key: Key, tmp_path: Path
) -> None:
    good = builder.build("delta", "1.0", {"/usr/bin/delta": b"good"}, key=key)
    evil = builder.build("delta", "1.0", {"/usr/bin/delta-too": b"evil"}, arch="x86_64")
    machine.rpm("-i", "--nodeps", "--force", "--ignorearch", good, evil)
    event = closed(running)
    assert proofs(running) == {"delta:noarch": "none", "delta:x86_64": "none"}
    children = {bytes(c.path): c.why for c in Buffer(connection(tmp_path)).children(event.number)}
    assert children[os.fsencode(machine.path("/usr/bin/delta"))] == "signature"
    assert children[os.fsencode(machine.path("/usr/bin/delta-too"))] == "manifest (unverified)"


def test_both_versions_of_a_configuration_file(
    running: Running, machine: Machine, builder: Builder, key: Key
) -> None:
    """rpm puts the one it does not use beside the other; both are known, a third is not."""
    conf = machine.path("/etc/alpha.conf")
    conf.write_bytes(b"a=mine\n")
    running.wait("modified", conf)
    new = builder.build("alpha", "1.1", files_of("alpha", "1.1", 3),
                        config={"/etc/alpha.conf": b"a=2\n"}, key=key)  # fmt: skip
    machine.upgrade(new)
    closed(running)
    assert machine.path("/etc/alpha.conf.rpmnew").read_bytes() == b"a=2\n"
    assert told(running) == [str(conf)]
    machine.erase("alpha")
    closed(running, 2)
    assert machine.path("/etc/alpha.conf.rpmsave").read_bytes() == b"a=mine\n"
    assert told(running) == [str(conf)]
    assert not machine.path("/usr/bin/alpha-0").exists()


def test_a_spare_configuration_file_of_somebody_elses_is_told(
    running: Running, machine: Machine, builder: Builder, key: Key
) -> None:
    spare = machine.path("/etc/alpha.conf.rpmsave")
    machine.upgrade(builder.build("alpha", "1.1", files_of("alpha", "1.1", 3), key=key,
                                  config={"/etc/alpha.conf": b"a=2\n"}))  # fmt: skip
    spare.write_bytes(b"a=evil\n")
    closed(running)
    assert str(spare) in told(running)


def test_outside_a_run_what_is_owned_counts_more(running: Running, machine: Machine) -> None:
    def sightings(path: Path) -> list[tuple[str | None, str | None, int | None]]:
        return [
            (s.record.package, s.record.package_state, s.severity)
            for s in running.context.sightings()
            if isinstance(s.record, FileChange) and s.record.path == str(path)
        ]

    owned, ghost = machine.path("/usr/bin/alpha-0"), machine.path("/usr/share/alpha/state")
    owned.write_bytes(b"evil\n")
    running.wait("modified", owned)
    assert sightings(owned)[-1] == ("alpha:noarch", "differs", Severity.MEDIUM)
    ghost.write_bytes(b"made at work\n")
    running.wait("created", ghost)
    assert sightings(ghost)[-1][:2] == ("alpha:noarch", None)
    beside = Path(os.fsdecode(machine.database)) / "odd"
    beside.write_bytes(b"")
    running.wait("created", beside)
    assert sightings(beside)[-1][1:] == ("manifest", Severity.HIGH)


def test_an_erased_package_is_one_event(running: Running, machine: Machine) -> None:
    machine.erase("beta")
    event = closed(running)
    assert told(running) == []
    assert [(p.name, p.action, p.old) for p in event.packages] == [
        ("beta:noarch", "remove", "1.0-1")
    ]
    assert event.actions["deleted"] >= 30


def test_the_same_version_again_says_so(
    running: Running, machine: Machine, builder: Builder, tmp_path: Path
) -> None:
    """A header of one's own under a known name and version: seen, and never proven."""
    evil = {**files_of("alpha", "1.0", 60), "/usr/bin/alpha-0": b"evil\n"}
    machine.rpm("-U", "--nodeps", "--replacepkgs", builder.build("alpha", "1.0", evil))
    event = closed(running)
    assert [(p.name, p.action, p.proof) for p in event.packages] == [
        ("alpha:noarch", "reinstall", "none")
    ]
    assert event.unverified > 0
    children = list(Buffer(connection(tmp_path)).children(event.number))
    assert {c.why for c in children if c.path.endswith(b"/alpha-0")} == {"manifest (unverified)"}


def connection(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "agent/sensors/files/baseline.db")


def test_whose_host_it_is(machine: Machine, tmp_path: Path) -> None:
    found = choose(machine.root)
    assert found is not None
    assert found.name == "rpm"
    info = machine.path("/var/lib/dpkg/info")
    info.mkdir(parents=True)
    status = info.parent / "status"
    status.write_bytes(b"")
    found = choose(machine.root)
    assert found is not None
    assert found.name == "rpm"
    status.write_bytes(b"Package: x\n")
    found = choose(machine.root)
    assert found is not None
    assert found.name == "dpkg"
    assert choose(os.fsencode(tmp_path / "nothing")) is None


def test_it_is_read_without_any_right(machine: Machine, builder: Builder) -> None:
    """rpm runs without capabilities, as somebody who may not write where the database is."""
    machine.upgrade(builder.build("alpha", "1.0", {"/usr/bin/alpha": b"a"}))
    directory = Path(os.fsdecode(machine.database))
    for path in (directory, *directory.iterdir()):
        os.chown(path, 12345, 12345)
    before = sorted(os.listdir(directory))
    with ask(machine.database, ["-a", "--qf", "%{NAME}"], lambda: None, rpm=RPM) as output:
        assert os.read(output, 100) == b"alpha"
    assert sorted(os.listdir(directory)) == before
