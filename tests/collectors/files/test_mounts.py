"""What must not happen: a file system that comes or goes unnoticed, or looks like deletions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files.mountinfo import Mount
from collectors.files.mounts import Change, differences
from collectors.files.scope import Scope
from tests.collectors.files.context import FakeContext, Running
from tests.patience import PATIENCE, until

SCOPE = Scope([b"/srv/www", b"/etc"], ["/etc/left-out"])
_SCRIPT = Path(__file__).with_name("run_sensor.py")
_TOP = Path(__file__).parents[3]


def table(*points: bytes) -> list[Mount]:
    return [Mount(number, "0:1", b"/", point, "tmpfs") for number, point in enumerate(points)]


@pytest.mark.parametrize("point", [b"/usr", b"/etc/left-out", b"/etc/left-out/deep", b"/srv/other"])
def test_elsewhere_is_no_change(point: bytes) -> None:
    assert differences(SCOPE, table(b"/"), table(b"/", point)) == []


def test_below_a_root_on_it_and_above() -> None:
    for point, place in (
        (b"/etc/a", b"/etc/a"),
        (b"/etc", b"/etc"),
        (b"/srv", b"/srv/www"),
    ):
        over = differences(SCOPE, table(b"/"), table(b"/", point))
        assert over == [Change("mounted_over", point, place)]
        away = differences(SCOPE, table(b"/", point), table(b"/"))
        assert away == [Change("unmounted", point, place, stacked=True)]


def test_one_upon_another() -> None:
    over = differences(SCOPE, table(b"/", b"/etc"), table(b"/", b"/etc", b"/etc"))
    assert over == [Change("mounted_over", b"/etc", b"/etc", stacked=True)]
    away = differences(SCOPE, table(b"/", b"/etc", b"/etc"), table(b"/", b"/etc"))
    assert away == [Change("unmounted", b"/etc", b"/etc", stacked=True)]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "disk" / "watched"
    directory.mkdir(parents=True)
    yield directory
    for point in (directory / "d", directory, directory.parent):
        subprocess.run(["umount", "-q", point], check=False)


def mount(point: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", point], check=True)


def umount(point: Path) -> None:
    subprocess.run(["umount", point], check=True)


def causes(running: Running) -> list[tuple[str, bool, str]]:
    records = [r for r in running.context.lost() if r.cause in ("mounted_over", "unmounted")]
    return [(r.cause, r.repaired, ",".join(r.sample)) for r in records]


@pytest.mark.root
@pytest.mark.usefixtures("backend")
def test_mounted_over_and_taken_away_again(root: Path, tmp_path: Path) -> None:
    place = root / "d"
    (place / "sub").mkdir(parents=True)
    (place / "hidden").write_bytes(b"x")
    (place / "sub" / "deep").write_bytes(b"x")
    with Running(tmp_path / "agent", [root]) as running:
        mount(place)
        running.wait("deleted", place / "hidden")
        running.wait("deleted", place / "sub" / "deep")
        until(lambda: len(causes(running)) == 2)
        told = [("mounted_over", repaired, str(place)) for repaired in (False, True)]
        assert causes(running) == told
        (place / "new").write_bytes(b"x")
        assert running.wait("created", place / "new").found_by == "watch"
        (place / "new").unlink()
        running.wait("deleted", place / "new")
        umount(place)
        running.wait("created", place / "sub" / "deep")
        until(lambda: len(causes(running)) == 3)
        assert causes(running)[2] == ("unmounted", True, str(place))
        (place / "hidden").write_bytes(b"changed")
        assert running.wait("modified", place / "hidden").found_by == "watch"
        assert running.sensor.coverage()["blind_directories"] == 0


@pytest.mark.root
@pytest.mark.usefixtures("backend")
def test_the_disk_below_a_root_goes_and_comes_back(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "watched").mkdir(parents=True)
    (source / "watched" / "f").write_bytes(b"x")
    disk = root.parent
    root.rmdir()
    subprocess.run(["mount", "--bind", source, disk], check=True)
    with Running(tmp_path / "agent", [root]) as running:
        umount(disk)
        until(lambda: causes(running) == [("unmounted", False, str(root))])
        assert running.context.changes() == []
        subprocess.run(["mount", "--bind", source, disk], check=True)
        until(lambda: running.sensor.coverage()["blind_directories"] == 0)
        (root / "f").write_bytes(b"changed")
        assert running.wait("modified", root / "f").found_by == "watch"
        assert {c.action for c in running.context.changes()} == {"modified"}


@pytest.mark.root
@pytest.mark.usefixtures("backend")
def test_a_place_that_is_left_out_tells_nothing(root: Path, tmp_path: Path) -> None:
    (root / "d").mkdir()
    with Running(tmp_path / "agent", [root], exclude=(str(root / "d"),)) as running:
        mount(root / "d")
        umount(root / "d")
        assert running.settle() == []
        assert causes(running) == []


@pytest.mark.root
@pytest.mark.mounts
@pytest.mark.usefixtures("backend")
def test_mounts_of_the_host_arrive_in_the_units_own_namespace(root: Path, tmp_path: Path) -> None:
    """PrivateMounts=yes is a mount namespace that is a slave of the host's."""
    disk = root.parent
    (root / "d").mkdir()
    (root / "d" / "hidden").write_bytes(b"x")
    context = FakeContext(tmp_path / "agent")
    subprocess.run(["mount", "--bind", disk, disk], check=True)
    subprocess.run(["mount", "--make-shared", disk], check=True)
    process = subprocess.Popen(
        [
            *("unshare", "--mount", "--propagation", "slave"),
            *(sys.executable, str(_SCRIPT), str(tmp_path / "agent"), str(root)),
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_TOP)},
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if b'"state": "watching"' in line:
                break
        mount(root / "d")
        until(lambda: Counter(r.cause for r in context.lost())["mounted_over"] == 2)
        (root / "d" / "f").write_bytes(b"x")
        until(lambda: str(root / "d" / "f") in {c.path for c in context.changes()})
        umount(root / "d")
        until(lambda: "unmounted" in {r.cause for r in context.lost()})
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
        context.close()
        subprocess.run(["umount", "--recursive", "--lazy", disk], check=True)
