"""What must not happen: blindness without a word."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from collectors.files.baseline import set_aside
from collectors.files.sources import fanotify
from collectors.files.sources.source import EventSource
from collectors.files.worker import Worker
from tests.collectors.files.context import FakeContext, Running
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "watched"
    directory.mkdir()
    return directory


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> list[EventSource]:
    made: list[EventSource] = []
    make = Worker.__init__

    def remember(self: Worker, *arguments: object, **named: object) -> None:
        make(self, *arguments, **named)  # type: ignore[arg-type]
        made.append(self._source)

    monkeypatch.setattr(Worker, "__init__", remember)
    return made


_SCRIPT = Path(__file__).with_name("run_sensor.py")
_TOP = Path(__file__).parents[3]

# Three events each (create, modify, close): more than the 16,384 that the kernel keeps.
_STORM = 6_000


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have fanotify, whose queue has no end, give up at the depth where inotify does."""
    monkeypatch.setattr(fanotify, "_DEEP", _STORM // 2)


@pytest.mark.usefixtures("shallow")
def test_an_overflow_is_told_and_repaired(
    root: Path, tmp_path: Path, sources: list[EventSource]
) -> None:
    (root / "old").write_bytes(b"x")
    with Running(tmp_path / "agent", [root]) as running:
        source = sources[0]
        with source._lock:  # type: ignore[attr-defined]  # the reader is frozen
            (root / "first").write_bytes(b"x")
            for number in range(_STORM):
                (root / f"f{number}").write_bytes(b"x")
            (root / "dir").mkdir()
            (root / "dir" / "inner").write_bytes(b"x")
            (root / "old").unlink()
        until(lambda: any(record.repaired for record in running.context.lost()))
        lost = running.context.lost()
        assert [(r.cause, r.repaired) for r in lost] == [
            ("queue_overflow", False),
            ("queue_overflow", True),
        ]
        assert lost[0].begin == lost[1].begin
        assert lost[1].end is not None
        assert lost[1].begin <= lost[1].end
        assert running.sensor.coverage()["overflows"] == 1
        (root / "dir" / "later").write_bytes(b"x")
        running.wait("created", root / "dir" / "later")
        counts = Counter((c.action, c.path) for c in running.context.changes())
    names = ["first", "dir", "dir/inner", "dir/later", *(f"f{n}" for n in range(_STORM))]
    expected = {("created", str(root / name)): 1 for name in names}
    assert counts == {**expected, ("deleted", str(root / "old")): 1}


@pytest.mark.usefixtures("shallow")
def test_a_directory_moved_away_unseen_does_not_haunt(
    root: Path, tmp_path: Path, sources: list[EventSource]
) -> None:
    (root / "a").mkdir()
    with Running(tmp_path / "agent", [root]) as running:
        with sources[0]._lock:  # type: ignore[attr-defined]
            (root / "wake").write_bytes(b"")
            for number in range(_STORM):
                (root / f"f{number}").write_bytes(b"x")
            (root / "a").rename(root / "b")
        until(lambda: any(record.repaired for record in running.context.lost()))
        (root / "b" / "g").write_bytes(b"x")
        running.wait("created", root / "b" / "g")
        assert not any("/a/" in path for _, path in running.settle())


@pytest.mark.parametrize("backend", ["inotify", "auto"], indirect=True)  # the others have no limit
@pytest.mark.skipif(
    subprocess.run(["unshare", "--user", "true"], check=False).returncode != 0,
    reason="no user namespaces for this user",
)
def test_the_watch_limit_is_told_and_comparing_goes_on(root: Path, tmp_path: Path) -> None:
    for number in range(60):
        (root / f"d{number:02}").mkdir()
    context = FakeContext(tmp_path / "agent")
    command = [
        sys.executable,
        str(_SCRIPT),
        str(tmp_path / "agent"),
        str(root),
        "21",
    ]  # one is our own
    process = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", *command],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_TOP)},
    )
    try:
        lost = until(context.lost)[0]
        assert (lost.cause, lost.end, lost.repaired) == ("watch_limit", None, False)
        assert lost.directories == 41
        assert len(lost.sample) == 5
        assert "max_user_watches" in str(lost.detail)
        for number in range(60):
            (root / f"d{number:02}" / "f").write_bytes(b"x")
        # A file may be seen between its creation and its first write: then that is told, too.
        until(lambda: sum(c.action == "created" for c in context.changes()) == 60)
        assert {change.action for change in context.changes()} <= {"created", "modified"}
        process.send_signal(signal.SIGUSR1)
        repaired = until(lambda: [r for r in context.lost() if r.repaired])[0]
        assert (repaired.cause, repaired.directories) == ("watch_limit", 41)
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=PATIENCE)
        context.close()
    coverages = [json.loads(line) for line in output.splitlines()]
    assert any(
        (each["watched_directories"], each["blind_directories"], each["total_directories"])
        == (20, 41, 61)
        for each in coverages
    )
    assert coverages[-1]["blind_directories"] == 0


@pytest.mark.root
def test_directories_that_may_not_be_read_are_told_and_not_called_deleted(
    root: Path, tmp_path: Path
) -> None:
    for name in ("closed", "open"):
        (root / name / "sub").mkdir(parents=True)
        (root / name / "sub" / "f").write_bytes(b"x")
    agent = tmp_path / "agent"
    with Running(agent, [root]):
        pass
    os.chown(root / "closed", 65534, 65534)
    (root / "closed").chmod(0o700)
    context = FakeContext(agent)
    caps = "--bounding-set=-dac_override,-dac_read_search"
    process = subprocess.Popen(
        ["setpriv", caps, sys.executable, str(_SCRIPT), str(agent), str(root)],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(_TOP)},
    )
    try:
        lost = until(lambda: [r for r in context.lost() if r.cause == "permission"])[0]
        assert (lost.directories, lost.sample) == (1, (str(root / "closed"),))
        (root / "open" / "sub" / "g").write_bytes(b"x")
        until(lambda: len(context.changes()) >= 2)
    finally:
        process.terminate()
        process.wait(PATIENCE)
        told = [(change.action, change.path) for change in context.changes()]
        context.close()
    assert told == [
        ("attributes", str(root / "closed")),
        ("created", str(root / "open" / "sub" / "g")),
    ]


@pytest.mark.root
def test_a_directory_mounted_twice_is_heard_at_both_places(root: Path, tmp_path: Path) -> None:
    (root / "a").mkdir()
    (root / "b").mkdir()
    subprocess.run(["mount", "--bind", str(root / "a"), str(root / "b")], check=True)
    try:
        with Running(tmp_path / "agent", [root]) as running:
            (root / "a" / "f").write_bytes(b"x")
            running.wait("created", root / "a" / "f")
            running.wait("created", root / "b" / "f")
    finally:
        subprocess.run(["umount", str(root / "b")], check=True)


@pytest.mark.root
def test_an_unmounted_file_system_is_not_a_mass_deletion(root: Path, tmp_path: Path) -> None:
    mounted = root / "data"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(mounted)], check=True)
    try:
        (mounted / "f").write_bytes(b"x")
        with Running(tmp_path / "agent", [root], reconcile_interval=1) as running:
            subprocess.run(["umount", str(mounted)], check=True)
            lost = until(running.context.lost)[0]
            assert (lost.cause, lost.sample) == ("unmounted", (str(mounted),))
            # The mount point itself has other rights now: true, and told.
            assert set(running.settle()) <= {("attributes", str(mounted))}
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(mounted)], check=True)
            (mounted / "g").write_bytes(b"x")
            running.wait("created", mounted / "g")
            running.wait("deleted", mounted / "f")
    finally:
        subprocess.run(["umount", "-q", str(mounted)], check=False)


def test_downtime_is_told_from_the_last_beat(root: Path, tmp_path: Path) -> None:
    with Running(tmp_path / "agent", [root]) as running:
        assert running.context.lost() == []
    context = FakeContext(tmp_path / "agent")
    database = context.state_dir / "baseline.db"
    before = context.now() - 3600 * 10**9
    subprocess.run(["python3", "-c", _SET_BEAT, str(database), str(before)], check=True)
    context.close()
    with Running(tmp_path / "agent", [root]) as running:
        (lost,) = running.context.lost()
        assert (lost.cause, lost.begin, lost.repaired) == ("stopped", before, True)
        assert lost.end is not None
        assert lost.end > before


_SET_BEAT = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
with database:
    database.execute("UPDATE meta SET value = ? WHERE key = 'beat'", (int(sys.argv[2]),))
database.close()
"""


def test_a_damaged_baseline_is_moved_aside(root: Path, tmp_path: Path) -> None:
    (root / "f").write_bytes(b"x")
    with Running(tmp_path / "agent", [root]) as running:
        directory = running.context.state_dir
    (directory / "baseline.db").write_bytes(os.urandom(8192))
    broken = Running(tmp_path / "agent", [root])
    with pytest.raises(Exception, match="not a database"):
        broken.ready()
    with pytest.raises(Exception, match="not a database"):
        broken.stop()
    assert list(directory.glob("baseline.db.damaged-*"))
    with Running(tmp_path / "agent", [root]) as running:
        assert running.settle() == []
        (lost,) = running.context.lost()
        assert (lost.cause, lost.repaired) == ("baseline_lost", False)
    with Running(tmp_path / "agent", [root]) as running:
        assert len(running.context.lost()) == 1
    shutil.rmtree(directory)


def test_only_one_damaged_baseline_is_kept(tmp_path: Path) -> None:
    for now in (1, 2, 3):
        (tmp_path / "baseline.db").write_bytes(b"x")
        set_aside(tmp_path, now)
    assert [path.name for path in tmp_path.iterdir()] == ["baseline.db.damaged-3"]


def test_a_removed_baseline_is_no_quiet_new_beginning(root: Path, tmp_path: Path) -> None:
    with Running(tmp_path / "agent", [root]) as running:
        running.settle()
        directory = running.context.state_dir
    shutil.rmtree(directory)
    with Running(tmp_path / "agent", [root]) as running:
        (lost,) = running.context.lost()
        assert (lost.cause, lost.repaired) == ("baseline_lost", False)


@pytest.mark.root
def test_a_root_out_of_reach_leaves_the_others_in_sight(root: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    web = closed / "web"
    web.mkdir(parents=True)
    (web / "f").write_bytes(b"x")
    os.chown(closed, 65534, 65534)
    closed.chmod(0o700)
    context = FakeContext(tmp_path / "agent")
    script = [str(_SCRIPT), str(tmp_path / "agent"), f"{root}:{web}"]
    process = subprocess.Popen(
        ["setpriv", "--bounding-set=-dac_override,-dac_read_search", sys.executable, *script],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(_TOP)},
    )
    try:
        until(lambda: process.poll() is not None or context.lost())
        assert process.poll() is None
        lost = context.lost()
        assert (lost[0].cause, lost[0].sample) == ("permission", (str(web),))
        (root / "seen").write_bytes(b"x")
        until(context.changes)
    finally:
        process.terminate()
        process.wait(PATIENCE)
        context.close()
    # It opens up: its files are a first baseline, not news.
    with Running(tmp_path / "agent", [root, web]) as running:
        (web / "new").write_bytes(b"x")
        running.wait("created", web / "new")
        told = {change.path for change in running.context.changes()}
    assert told == {str(root / "seen"), str(web / "new")}


@pytest.mark.root
def test_check_names_what_cannot_be_read(tmp_path: Path) -> None:
    web = tmp_path / "closed" / "web"
    web.mkdir(parents=True)
    os.chown(tmp_path / "closed", 65534, 65534)
    (tmp_path / "closed").chmod(0o700)
    code = (
        "import sys, pathlib\n"
        "from collectors.files.sensor import FilesSensor\n"
        "from collectors.files.settings import FileSettings\n"
        "settings = FileSettings(paths=(sys.argv[1],))\n"
        "print(FilesSensor(settings, pathlib.Path('/nowhere')).check())"
    )
    caps = "--bounding-set=-dac_override,-dac_read_search"
    done = subprocess.run(
        ["setpriv", caps, sys.executable, "-c", code, str(web)],
        capture_output=True,
        text=True,
        check=False,
        cwd=_TOP,
    )
    assert "cannot be read: give the agent CAP_DAC_READ_SEARCH" in done.stdout, done.stderr
