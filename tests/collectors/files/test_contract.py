"""What must not happen: a leak, a slow stop, a busy idle, a name that tells a NIK."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from collectors.api import Settings, Unsupported
from collectors.files.sensor import FilesSensor
from collectors.files.settings import FileSettings
from tests.collectors.files.context import Running
from tests.patience import until

# Region 3273 (Bandung), born 17-08-1990: valid in form, of nobody.
NIK = b"3273011708900003"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "watched"
    directory.mkdir()
    return directory


def descriptors() -> dict[str, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
    return found


def test_nothing_is_left_after_a_stop_and_it_is_quick(root: Path, tmp_path: Path) -> None:
    for number in range(500):
        (root / f"d{number}").mkdir()
    threads = set(threading.enumerate())
    before = descriptors()
    with Running(tmp_path / "agent", [root]) as running:
        (root / "d1" / "f").write_bytes(b"x")
        running.wait("created", root / "d1" / "f")
        took = running.stop()
    assert took < 2.0
    assert set(threading.enumerate()) == threads
    assert sorted(descriptors().values()) == sorted(before.values())


def test_stops_in_the_middle_of_hashing(root: Path, tmp_path: Path) -> None:
    for number in range(4):
        with (root / f"sparse{number}").open("wb") as file:
            file.truncate(64 << 30)
    running = Running(tmp_path / "agent", [root], max_hash_bytes=1 << 60)
    until(lambda: running.state() == "first baseline")
    assert running.stop() < 2.0


def test_stops_while_the_spool_refuses(root: Path, tmp_path: Path) -> None:
    with Running(tmp_path / "agent", [root]) as running:
        running.context.refuse = True
        (root / "f").write_bytes(b"x")
        until(lambda: os.fsencode(root / "f") in running.context.published)
        assert running.stop() < 2.0
    with Running(tmp_path / "agent", [root]) as running:
        assert running.settle() == [("created", str(root / "f"))]


def test_what_was_seen_before_the_stop_is_told(root: Path, tmp_path: Path) -> None:
    with Running(tmp_path / "agent", [root], coalesce=0.5) as running:
        (root / "short").write_bytes(b"x")
        (root / "short").unlink()
        until(lambda: int(running.sensor.coverage()["backlog"]) > 0)
    with Running(tmp_path / "agent", [root]) as running:
        assert running.settle() == [
            ("created", str(root / "short")),
            ("deleted", str(root / "short")),
        ]


def test_names_that_hold_a_nik_are_in_no_file(root: Path, tmp_path: Path) -> None:
    secret = root / f"ktp_{NIK.decode()}"
    secret.mkdir()
    (secret / "old.jpg").write_bytes(b"x")
    link = root / "link"
    agent = tmp_path / "agent"
    with Running(agent, [root]) as running:
        (secret / f"{NIK.decode()}.pdf").write_bytes(b"y")
        (secret / "new.jpg").write_bytes(b"z")
        link.symlink_to(secret / f"{NIK.decode()}.pdf")
        running.wait("created", link)
        (secret / "old.jpg").unlink()
        assert len(running.settle()) == 4
        changes = running.context.changes()
        tokens = [change.path_token for change in changes]
        assert sum(token is not None for token in tokens) == 3
        assert NIK not in b"".join(running.context.published)
        found = b"".join(path.read_bytes() for path in agent.rglob("*") if path.is_file())
        assert b"new.jpg" in found
        assert NIK not in found
        with_nik = next(c for c in changes if c.path.endswith(".pdf") or ".pdf" in c.path)
        assert with_nik.sha256 is not None
    (secret / "new.jpg").write_bytes(b"changed")
    with Running(agent, [root]) as running:  # known again after a restart, by the same key
        told = [(c.action, c.path.rsplit("/", 1)[1]) for c in running.context.changes()]
        assert told[-1] == ("modified", "new.jpg")
        assert len(told) == 6  # with the marker
    found = b"".join(path.read_bytes() for path in agent.rglob("*") if path.is_file())
    assert NIK not in found


@pytest.mark.slow
def test_idle_costs_nothing(root: Path, tmp_path: Path) -> None:
    for number in range(200):
        (root / f"d{number}").mkdir()
    with Running(tmp_path / "agent", [root]) as running:
        before = resource.getrusage(resource.RUSAGE_SELF)
        begin = time.monotonic()
        threading.Event().wait(5.0)
        after = resource.getrusage(resource.RUSAGE_SELF)
        wall = time.monotonic() - begin
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert used / wall < 0.01
        assert after.ru_nvcsw - before.ru_nvcsw < 40
        assert running.context.beats >= 1


def test_coverage_says_what_is_seen(root: Path, tmp_path: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "f").write_bytes(b"x")
    with Running(tmp_path / "agent", [root]) as running:
        coverage = running.sensor.coverage()
        assert coverage["watched_directories"] == coverage["total_directories"] == 3
        assert coverage["entries"] == 4  # with the root itself
        assert coverage["watching"] == "3 of 3 directories"
        assert coverage["backend"] == "inotify"
        assert coverage["blind_directories"] == coverage["overflows"] == 0
        assert 0 <= float(coverage["last_reconcile_age"]) < 60
    assert running.sensor.coverage()["watched_directories"] == 0


def test_coverage_before_the_start(tmp_path: Path) -> None:
    sensor = FilesSensor(FileSettings(), tmp_path)
    coverage = sensor.coverage()
    assert coverage["state"] == "not started"
    assert coverage["last_reconcile_age"] == -1.0
    assert coverage["watched_directories"] == 0
    sensor.offer([])


def test_check(root: Path, tmp_path: Path) -> None:
    good = FilesSensor(FileSettings(paths=(str(root),)), tmp_path)
    assert [w for w in good.check() if "max_user_watches" not in w] == []
    missing = FilesSensor(FileSettings(paths=(str(root), "/no/such")), tmp_path)
    assert "path /no/such does not exist; it is watched when it appears" in missing.check()
    (root / "file").touch()
    single = FilesSensor(FileSettings(paths=(str(root / "file"),)), tmp_path)
    assert f"path {root / 'file'} is not a directory: it is only compared at intervals" in (
        single.check()
    )
    with pytest.raises(Unsupported, match="none of the paths"):
        FilesSensor(FileSettings(paths=("/no/such",)), tmp_path).check()
    with pytest.raises(Unsupported, match="no paths"):
        FilesSensor(FileSettings(paths=()), tmp_path).check()
    with pytest.raises(TypeError):
        FilesSensor(Settings(), tmp_path)


def test_the_commands_do_not_pay_for_watchdog() -> None:
    code = "import sys, collectors.files.sensor; assert 'watchdog' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_the_registry_finds_it() -> None:
    (point,) = entry_points(group="ronda.sensors", name="files")
    assert point.load() is FilesSensor
    assert FilesSensor.name == "files"
