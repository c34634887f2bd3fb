"""What must not happen when somebody means harm, or the machine is at its end.

Each test says what is promised. The plainer cases (FIFO, sparse file, long path, save by rename,
time set back, file kept open, trees moved in and out ...) are in test_sensor.py, losses that are
told in test_visibility.py, kills in test_crash.py, changes of places in test_strays.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import mmap
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.collectors.files.context import FakeContext, Running
from tests.patience import PATIENCE, until

_TOP = Path(__file__).parents[3]

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "watched"
    directory.mkdir()
    return directory


@pytest.fixture
def state(tmp_path: Path) -> Path:
    directory = tmp_path / "agent"
    directory.mkdir()
    return directory


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def meanwhile(act: object) -> Iterator[None]:
    """Have *act* called again and again on another thread."""
    over = threading.Event()

    def repeat() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                act()  # type: ignore[operator]

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_link_in_a_race_never_has_its_target_hashed(
    root: Path, state: Path, tmp_path: Path
) -> None:
    """What a link points to is read by nobody, however often link and file change places."""
    secret = tmp_path / "shadow"
    secret.write_bytes(b"root:$y$j9T$secret")
    name, file, link = root / "swap", root / "file", root / "link"

    def swap() -> None:
        file.write_bytes(b"harmless")
        file.rename(name)
        link.symlink_to(secret)
        link.rename(name)

    with Running(state, [root], coalesce=0.01) as running:
        with meanwhile(swap):
            until(lambda: len(running.context.changes()) > 400)
        running.settle()
        changes = [change for change in running.context.changes() if change.path == str(name)]
    assert changes
    assert sha(secret.read_bytes()) not in {change.sha256 for change in changes}
    assert {change.sha256 for change in changes if change.sha256} <= {sha(b"harmless"), sha(b"")}
    assert len(secret.read_bytes()) not in {c.size for c in changes if c.type == "file"}


def test_a_directory_in_a_race_with_a_link_is_never_left(
    root: Path, state: Path, tmp_path: Path
) -> None:
    """Nothing below a link is told, though it was a directory a moment ago."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    name, aside, link = root / "d", root / "aside", root / "link"
    name.mkdir()

    def swap() -> None:
        name.rename(aside)
        link.symlink_to(outside)
        link.rename(name)
        (aside / "mine").write_bytes(b"mine")
        name.unlink()
        aside.rename(name)

    with Running(state, [root], coalesce=0.01) as running:
        with meanwhile(swap):
            until(lambda: len(running.context.changes()) > 400)
        running.settle()
        changes = running.context.changes()
    assert sha(b"secret") not in {change.sha256 for change in changes}
    assert not [change.path for change in changes if change.path.endswith("/secret")]


def test_replaced_while_it_is_hashed(root: Path, state: Path) -> None:
    """The hash told last is the one of what stands there in the end, never of a mixture."""
    contents = [bytes([value]) * (4 << 20) for value in range(4)]
    target = root / "program"

    def replace() -> None:
        for content in contents:
            (root / "new").write_bytes(content)
            (root / "new").rename(target)

    with Running(state, [root], coalesce=0.01) as running:
        with meanwhile(replace):
            until(lambda: running.context.changes()[12:])
        target.write_bytes(contents[0])
        until(lambda: _last(running, target) == sha(contents[0]))
        told = {c.sha256 for c in running.context.changes() if c.path == str(target)}
    prefixes = {sha(content[:size]) for content in contents for size in (0, 4 << 20)}
    assert told - {None} <= prefixes | {sha(content) for content in contents}


def _last(running: Running, path: Path) -> str | None:
    mine = [change for change in running.context.changes() if change.path == str(path)]
    return mine[-1].sha256 if mine else None


def test_an_upgrade_by_dpkg_is_a_modification(root: Path, state: Path) -> None:
    """dpkg keeps the old file under a second name, renames the new one over it, then cleans up."""
    program = root / "program"
    program.write_bytes(b"old")
    with Running(state, [root]) as running:
        (root / "program.dpkg-new").write_bytes(b"new")
        os.link(program, root / "program.dpkg-tmp")
        (root / "program.dpkg-new").rename(program)
        (root / "program.dpkg-tmp").unlink()
        modified = running.wait("modified", program)
        assert (modified.sha256, modified.previous_sha256) == (sha(b"new"), sha(b"old"))
        assert [a for a, path in running.settle() if path == str(program)] == ["modified"]


@pytest.mark.root
def test_devices_and_sockets_are_told_and_not_opened(root: Path, state: Path) -> None:
    """A tape that rewinds or a terminal that hangs up when it is opened does neither."""
    with Running(state, [root]) as running, socket.socket(socket.AF_UNIX) as server:
        os.mknod(root / "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(root / "disk", 0o600 | stat.S_IFBLK, os.makedev(7, 200))
        server.bind(str(root / "socket"))
        server.listen()
        for name, kind in (("null", "device"), ("disk", "device"), ("socket", "socket")):
            created = running.wait("created", root / name)
            assert (created.type, created.outcome, created.sha256) == (kind, "not_hashed", None)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_hostile_names_reach_no_log_and_no_event_raw(
    root: Path, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Names cannot write lines, colours or directions into what people read."""
    caplog.set_level(logging.DEBUG)
    evil = [b"a\n2026-01-01 INFO all is well", b"\x1b]0;title\x07", "a\u202egpj.exe".encode()]
    evil += [b"\xff\xfe\xfd", b"=cmd|'\\c calc'!A1", b"\xe2\x80\xa8line", b"\x9b31m", b"\r\x08"]
    with Running(state, [root], reconcile_interval="1s") as running:
        for name in evil:
            place = os.fsencode(root) + b"/" + name
            os.mkdir(place)
            Path(os.fsdecode(place + b"/" + name)).write_bytes(b"x")
            os.symlink(name, place + b"/link")
        told = running.settle()
        for name in evil:
            shutil.rmtree(os.fsencode(root) + b"/" + name)
        running.settle()
        changes = running.context.changes()
        text = "".join(f"{change.path} {change.target} " for change in changes) + caplog.text
    assert len([path for _, path in told if path.count("/") > str(root).count("/") + 1]) == 16
    assert not [mark for mark in text.replace("\n", "") if not mark.isprintable()]
    assert not [line for line in text.splitlines() if line.startswith("2026-01-01 INFO")]


def test_what_happens_in_a_directory_that_was_moved_out_is_none_of_ours(
    root: Path, state: Path, tmp_path: Path
) -> None:
    """No phantom under the old path; the directory that takes its place is watched."""
    (root / "d" / "inner").mkdir(parents=True)
    with Running(state, [root]) as running:
        (root / "d").rename(tmp_path / "away")
        (tmp_path / "away" / "inner" / "phantom").write_bytes(b"x")
        (root / "d").mkdir()
        (tmp_path / "away" / "phantom").write_bytes(b"x")
        (root / "d" / "real").write_bytes(b"x")
        told = running.settle()
        assert not [path for _, path in told if "phantom" in path]
        assert ("created", str(root / "d" / "real")) in told


def test_a_write_through_a_hard_link_outside_is_found_by_comparing(
    root: Path, state: Path, tmp_path: Path
) -> None:
    """The kernel tells it for the other name only."""
    (root / "inside").write_bytes(b"x")
    os.link(root / "inside", tmp_path / "outside")
    with Running(state, [root], reconcile_interval="1s") as running:
        (tmp_path / "outside").write_bytes(b"evil")
        modified = running.wait("modified", root / "inside")
        assert modified.sha256 == sha(b"evil")


def test_a_store_through_a_mapping_is_found_by_comparing(root: Path, state: Path) -> None:
    """No event tells of it."""
    file = root / "library.so"
    file.write_bytes(b"\0" * 8192)
    with Running(state, [root], reconcile_interval="1s") as running:
        with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 8192) as memory:
            memory[:4] = b"EVIL"
        modified = until(
            lambda: next((c for c in running.context.changes() if c.action == "modified"), None)
        )
        assert modified.sha256 == sha(b"EVIL" + b"\0" * 8188)


def test_a_flag_set_by_chattr_is_found_by_comparing(root: Path, state: Path) -> None:
    """inotify says nothing of it, the change time does."""
    file = root / "immutable"
    file.write_bytes(b"x")
    with Running(state, [root], reconcile_interval="1s") as running:
        done = subprocess.run(["chattr", "+i", file], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("this file system or user has no chattr")
        try:
            running.wait("attributes", file)
        finally:
            subprocess.run(["chattr", "-i", file], check=True)


@pytest.mark.root
@pytest.mark.mounts
def test_a_full_disk_loses_nothing_and_harms_nothing(root: Path, state: Path) -> None:
    """The sensor says so and ends; when there is space again each change is told, once."""
    (root / "old").write_bytes(b"x")
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m"]
    process = subprocess.Popen(
        [*command, "tests.collectors.files.run_on_small_disk", str(state), str(root)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(_TOP)},
        cwd=_TOP,
    )
    assert process.stdout is not None
    context = None
    try:
        assert process.stdout.readline() == "watching\n"
        context = FakeContext(state)
        (root / "first").write_bytes(b"x")
        until(lambda: _told(context, "first"), "first")
        disk = Path(f"/proc/{process.pid}/root{state}/sensors")
        with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
            while filler.write(b"\0" * 4096):
                pass
        for number in range(400):
            (root / f"{number}-{'n' * 200}").write_bytes(b"x")
        (root / "old").unlink()
        assert process.stdout.readline() == "failed: database or disk is full\n"
        (disk / "filler").unlink()
        (root / "last").write_bytes(b"x")
        until(lambda: len(context.changes()) >= 403, "everything")
        process.terminate()
        assert set(process.stdout) <= {"failed: database or disk is full\n", "watching\n"}
        assert process.wait(PATIENCE) == 0
        told = Counter((c.action, Path(c.path).name[:4]) for c in context.changes())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        if context is not None:
            context.close()
    names = ["first"[:4], "last", *(f"{n}-{'n' * 200}"[:4] for n in range(400))]
    assert told == Counter([*(("created", name) for name in names), ("deleted", "old")])


def _told(context: FakeContext, name: str) -> bool:
    return any(change.path.endswith(f"/{name}") for change in context.changes())
