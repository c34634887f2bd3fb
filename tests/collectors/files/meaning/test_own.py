"""What must not happen: Ronda is switched off or changed, and nobody hears of it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

import collectors
from collectors.files import sensor
from collectors.files.meaning import own
from collectors.files.meaning.own import Databases, own_places
from collectors.files.scope import Own, Scope, join
from collectors.kinds import FileChange, Severity
from tests.collectors.files.context import FakeContext, Running
from tests.patience import until


def holds(places: list[Own], path: str) -> bool:
    return any(place.holds(os.fsencode(path)) for place in places)


def test_what_belongs_to_it() -> None:
    state = Path("/var/lib/ronda-agent/sensors/files")
    places = own_places(state, ["/usr/bin/ronda-agent", "run", "--config", "/srv/ronda/a.toml"])
    code = os.path.dirname(os.path.realpath(collectors.__file__))
    for path in (
        "/etc/ronda/agent.toml",
        "/etc/systemd/system/ronda-agent.service",
        "/etc/systemd/system/ronda-agent.service.d/x.conf",
        "/etc/systemd/system/multi-user.target.wants/ronda-agent.service",
        "/run/systemd/system/ronda-agent.service",
        "/var/lib/ronda-agent/identity/agent.key",
        "/srv/ronda/a.toml",
        "/usr/bin/ronda-agent",
        os.path.realpath(sys.executable),
        f"{code}/redact.py",
        f"{code}/files/worker.py",
        f"{os.path.dirname(code)}/sitecustomize.py",
    ):
        assert holds(places, path), path
    for path in (
        "/etc/systemd/system/nginx.service",
        "/etc/systemd/system/multi-user.target.wants/nginx.service",
        "/var/lib/ronda-agent/spool.db",
        "/var/lib/ronda-agent/sensors/files/baseline.db",
        "/var/lib/ronda-agent/identity/agent.crt",
        "/usr/bin/ls",
        "/srv/ronda/b.toml",
        f"{os.path.dirname(code)}/server",
    ):
        assert not holds(places, path), path


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose only watched path is elsewhere."""
    units = tmp_path / "units"
    (units / "multi-user.target.wants").mkdir(parents=True)
    (units / "ronda-agent.service").write_text("[Service]\nExecStart=/usr/bin/ronda-agent run\n")
    (units / "multi-user.target.wants/ronda-agent.service").symlink_to("../ronda-agent.service")
    (units / "nginx.service").write_text("[Service]\n")
    (tmp_path / "web").mkdir()
    (tmp_path / "agent/identity").mkdir(parents=True)
    (tmp_path / "agent/identity/ca.crt").write_text("x\n")
    monkeypatch.setattr(own, "_UNITS", (str(units),))
    return tmp_path


def test_watched_whatever_the_paths_are(places: Path) -> None:
    units, identity = places / "units", places / "agent/identity"
    with Running(
        places / "agent", [places / "web"], protect=True, exclude=(str(units),)
    ) as running:
        masked = units / "ronda-agent.service"
        (units / "nginx.service").write_text("[Service]\nUser=x\n")
        (identity / "agent.crt").write_text("renewed\n")
        masked.unlink()
        masked.symlink_to("/dev/null")
        link = units / "multi-user.target.wants/ronda-agent.service"
        link.unlink()
        override = units / "ronda-agent.service.d/override.conf"
        override.parent.mkdir()
        override.write_text("[Service]\nExecStart=\n")
        (identity / "ca.crt").write_text("y\n")
        running.wait("deleted", link)
        running.wait("modified", identity / "ca.crt")
        running.wait("created", override)

        def severities() -> dict[str, tuple[str | None, int | None]]:
            return {
                str(s.record.path): (s.record.role, s.severity)
                for s in running.context.sightings()
                if isinstance(s.record, FileChange)
            }

        until(lambda: str(masked) in severities(), "the mask")
        found = severities()
    assert found[str(masked)] == ("ronda", Severity.CRITICAL)
    assert found[str(link)] == ("ronda", Severity.HIGH)
    assert found[str(override)] == ("ronda", Severity.HIGH)
    assert found[str(identity / "ca.crt")] == ("ronda", Severity.HIGH)
    assert str(units / "nginx.service") not in found
    assert str(identity / "agent.crt") not in found
    assert [path for path in found if re.search(r"\.db", path)] == []


class Eager(Databases):
    every = 0.0


def test_databases(tmp_path: Path) -> None:
    context = FakeContext(tmp_path)
    try:
        baseline = context.state_dir / "baseline.db"
        baseline.write_bytes(b"x")
        databases = Eager(context)
        baseline.write_bytes(b"y" * 100)
        assert databases.check() == []
        other = baseline.with_name("other")
        other.write_bytes(b"z")
        other.rename(baseline)
        (change,) = databases.check()
        assert (change.action, change.path, change.role) == ("modified", str(baseline), "ronda")
        baseline.unlink()
        (change,) = databases.check()
        assert change.action == "deleted"
        assert databases.check() == []
        assert Databases(context).check() == []
    finally:
        context.close()


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A watched root with agent.toml beside it."""
    (tmp_path / "web/deep/deeper").mkdir(parents=True)
    (tmp_path / "web/index.php").write_text("<?php\n")
    (tmp_path / "agent.toml").write_text("\n")
    place = Own(os.fsencode(tmp_path), re.compile(rb"agent\.toml"))
    monkeypatch.setattr(sensor, "own_places", lambda *_: [place])
    return tmp_path


def test_a_directory_is_counted_once(beside: Path, backend: str) -> None:
    with Running(beside / "agent", [beside / "web"], protect=True) as running:
        until(lambda: running.sensor.coverage()["watched_directories"] == 4, "the counts")
        facts = running.sensor.coverage()
        assert facts["total_directories"] == 4
        assert facts["watching"] == "4 of 4 directories"
        (beside / "agent.toml").write_text("x\n")
        running.wait("modified", beside / "agent.toml")


def test_a_root_that_goes_and_comes_is_told_once(beside: Path, backend: str) -> None:
    web = beside / "web"
    with Running(beside / "agent", [web], protect=True) as running:
        web.rename(beside / "away")
        running.wait("deleted", web)
        web.mkdir()
        running.wait("created", web)
        (web / "new.php").write_text("<?php\n")
        running.wait("created", web / "new.php")
        told = running.settle()
        assert told.count(("created", str(web))) == told.count(("deleted", str(web))) == 1
        assert ("deleted", str(web / "index.php")) in told


def test_an_older_baseline_that_knew_it_twice(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root's row in the directory around it goes; nothing is told, nothing is forgotten."""
    web = beside / "web"

    def excluded(self: Scope, directory: bytes, name: bytes) -> bool:
        return join(directory, name) != os.fsencode(web) and now(self, directory, name)

    now = Scope.excluded
    with monkeypatch.context() as patch:
        patch.setattr(Scope, "excluded", excluded)
        with Running(beside / "agent", [web], protect=True) as running:
            entries = running.sensor.coverage()["entries"]
    (web / "index.php").write_text("<?php 1;\n")
    with Running(beside / "agent", [web], protect=True) as running:
        assert running.sensor.coverage()["entries"] == int(str(entries)) - 1
        assert running.settle() == [("modified", str(web / "index.php"))]


def test_an_own_place_that_is_no_more_takes_no_root_with_it(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = beside / "web"
    with Running(beside / "agent", [web], protect=True):
        pass
    monkeypatch.setattr(sensor, "own_places", lambda *_: [])
    (web / "index.php").write_text("<?php 1;\n")
    with Running(beside / "agent", [web], protect=True) as running:
        assert running.settle() == [("modified", str(web / "index.php"))]
