"""What must not happen: a foreign change that a checkout explains, or one that nobody is told."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import subprocess
import time
from pathlib import Path

import pytest

from collectors.files.deploy import commits, trust
from collectors.files.deploy.checkout import Reader
from collectors.files.deploy.drift import GIT, read_drift
from collectors.files.deploy.indexed import blob_of_bytes, blob_of_file
from collectors.kinds import ChangeWindow, FileChange
from tests.collectors.files.context import Running
from tests.collectors.files.deploy.test_orders import accept, ask, told
from tests.patience import until

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_NAME": "a" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "a@example.org" for who in ("AUTHOR", "COMMITTER")},
}


def git(where: Path, *words: str, index: Path | None = None) -> str:
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", "-c", "gc.auto=0", *words],
        cwd=where,
        env=ENVIRONMENT if index is None else {**ENVIRONMENT, "GIT_INDEX_FILE": str(index)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


class Site:
    """A repository, and its checkout below a watched directory."""

    def __init__(self, root: Path, *options: str) -> None:
        self.root = root / "watched"
        self.root.mkdir()
        self.origin = root / "origin"
        self.origin.mkdir()
        git(self.origin, "init", "-q", "-b", "main", *options)
        for number in range(5):
            self.write(f"page{number}.php", "one")
        self.write("lib/deep/util.php", "one")
        self.commit("one")
        self.work = self.root / "app"

    def write(self, name: str, text: str) -> Path:
        path = self.origin / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, message: str) -> str:
        git(self.origin, "add", "-A")
        git(self.origin, "commit", "-q", "-m", message)
        return git(self.origin, "rev-parse", "HEAD")

    def clone(self) -> Path:
        git(self.root, "clone", "-q", str(self.origin), str(self.work))
        return self.work

    def release(self, files: int = 30) -> str:
        """Change, add and remove files at the origin."""
        for number in range(files):
            self.write(f"new/{number}.php", f"x{number}")
        for number in range(3):
            self.write(f"page{number}.php", "two")
        (self.origin / "page4.php").unlink()
        (self.origin / "lib" / "deep" / "util.php").unlink()
        (self.origin / "link").symlink_to("page0.php")
        tool = self.write("tool", "#!/bin/sh")
        tool.chmod(0o755)
        return self.commit("two")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def changes(running: Running, work: Path) -> dict[str, FileChange]:
    """Return the last change of each path of the work tree, .git left out."""
    found = {}
    for change in running.context.changes():
        if change.path.startswith(f"{work}/") and "/.git/" not in change.path:
            found[change.path[len(str(work)) + 1 :]] = change
    return found


def pulls(running: Running) -> list[ChangeWindow]:
    return [w for w in told(running.context, ChangeWindow) if w.window.startswith("git-")]


def drift(running: Running) -> list[str]:
    connection = sqlite3.connect(running.context.state_dir / "baseline.db")
    try:
        return [os.fsdecode(one.path) for one in read_drift(connection)]
    finally:
        connection.close()


def test_what_is_not_as_the_index_has_it_is_told_singly(site: Site, tmp_path: Path) -> None:
    work = site.clone()
    with Running(tmp_path / "agent", [site.root]) as running:
        (work / "page0.php").write_text("shell")
        (work / "shell.php").write_text("shell")
        (work / "page1.php").chmod(0o4644)
        (work / "page2.php").chmod(0o755)
        (work / "page3.php").unlink()
        same = work / "lib" / "deep" / "util.php"
        state = same.stat()
        same.write_text("bad")
        os.utime(same, ns=(state.st_atime_ns, state.st_mtime_ns))
        running.settle()
        found = changes(running, work)
        states = {name: (change.git, change.window) for name, change in found.items()}
        assert states.pop("shell.php") == ("untracked", None)
        states = {name: state for name, state in states.items() if name.endswith(".php")}
        assert set(states) == {*(f"page{number}.php" for number in range(4)), "lib/deep/util.php"}
        assert set(states.values()) == {("modified", None)}
        assert pulls(running) == []
        assert str(work / "shell.php") in drift(running)


def test_a_pull_is_one_line(site: Site, tmp_path: Path) -> None:
    work = site.clone()
    with Running(tmp_path / "agent", [site.root]) as running:
        commit = site.release()
        git(work, "pull", "-q")
        (one,) = until(lambda: pulls(running), "the line")
        assert one.action == "closed"
        assert one.paths == (str(work),)
        assert f"HEAD main at {commit[:12]}" in one.reason
        assert one.by == str((work / ".git" / "index").stat().st_uid)
        found = changes(running, work)
        assert len(found) > 36
        single = {name: c.git for name, c in found.items() if c.window != one.window}
        assert single == {}
        assert {change.git for change in found.values()} == {"committed"}
        assert sum(one.actions.values()) >= len(found)
        assert [path for path in drift(running) if "/hooks" not in path] == [
            path for path in drift(running) if path.startswith(str(site.root / ".marker"))
        ]
        time.sleep(0.1)
        (work / "page0.php").write_text("shell")
        running.settle()
        assert changes(running, work)["page0.php"].git == "modified"
        assert running.context.changes()[-2].window is None


def test_what_git_never_had_is_not_deleted_by_it(site: Site, tmp_path: Path) -> None:
    work = site.clone()
    (work / "uploads/deep").mkdir(parents=True)
    for name in ("shell.php", "uploads/deep/proof.php"):
        (work / name).write_text("x")
    with Running(tmp_path / "agent", [site.root]) as running:
        site.release()
        git(work, "pull", "-q")
        (work / "shell.php").unlink()
        shutil.rmtree(work / "uploads")
        (one,) = until(lambda: pulls(running), "the line")
        running.wait("deleted", work / "shell.php")
        running.wait("deleted", work / "uploads")
        running.wait("deleted", work / "page4.php")
        found = changes(running, work)
        assert found["page4.php"].window == one.window
        assert found["lib/deep"].window == one.window
        for name in ("shell.php", "uploads", "uploads/deep", "uploads/deep/proof.php"):
            assert (found[name].git, found[name].window) != ("committed", one.window), name
            assert found[name].window is None, name


def test_a_checkout_that_somebody_planted_explains_nothing(site: Site, tmp_path: Path) -> None:
    site.work.mkdir()
    (site.work / "index.php").write_text("good")
    with Running(tmp_path / "agent", [site.root]) as running:
        git(site.work, "init", "-q")
        (site.work / "index.php").write_text("shell")
        git(site.work, "add", "-A")
        time.sleep(1.0)
        (site.work / "index.php").write_text("shell again")
        git(site.work, "add", "-A")
        running.settle()
        found = changes(running, site.work)["index.php"]
        assert found.window is None
        assert str(site.work / "index.php") in drift(running)
        assert str(site.work / ".git") in drift(running)
        # Accepted by a person it counts. git writes the page itself, while it holds its lock: what
        # is written before it comes may be looked at before.
        (site.work / "index.php").write_text("better")
        git(site.work, "add", "-A")
        git(site.work, "commit", "-q", "-m", "better")
        (site.work / "index.php").write_text("shell again")
        git(site.work, "commit", "-q", "-a", "-m", "again")
        running.settle()
        ask(running, accept(site.work))
        time.sleep(trust.BELIEVED)
        git(site.work, "reset", "-q", "--hard", "HEAD~1")
        until(lambda: pulls(running))
        assert changes(running, site.work)["index.php"].git == "committed"


@pytest.mark.root
def test_an_index_of_the_web_server_explains_nothing(site: Site, tmp_path: Path) -> None:
    work = site.clone()
    for path in (work, *work.rglob("*")):
        os.lchown(path, 33, 33)  # www-data on Debian
    with Running(tmp_path / "agent", [site.root]) as running:
        (work / "page0.php").write_text("shell")
        index = work / ".git" / "index"
        git(work, "-c", "safe.directory=*", "add", "-A")
        os.chown(index, 33, 33)
        running.settle()
        time.sleep(0.5)
        (work / "page0.php").touch()
        running.settle()
        found = changes(running, work)["page0.php"]
        assert (found.git, found.window) == ("committed", None)
        assert str(work / "page0.php") in drift(running)


@pytest.mark.root
@pytest.mark.parametrize("place", ["index", ""])
def test_an_index_that_the_web_server_can_replace_explains_nothing(
    site: Site, tmp_path: Path, place: str
) -> None:
    work = site.clone()
    open_to = work / ".git" / place
    page, again = work / "page1.php", tmp_path / "again"
    with Running(tmp_path / "agent", [site.root]) as running:
        page.write_text("shell of another length")
        git(work, "add", "-A")
        os.chown(open_to, 0, 33)
        open_to.chmod(0o664 if place else 0o775)
        running.settle()
        time.sleep(trust.BELIEVED)
        shutil.copy(page, again)
        again.replace(page)  # as the index has it when it is looked at
        running.settle()
        found = changes(running, work)["page1.php"]
        assert (found.git, found.window) == ("committed", None)
        assert str(page) in drift(running)


def test_content_that_was_there_while_git_held_its_lock(site: Site, tmp_path: Path) -> None:
    work = site.clone()
    lock = work / ".git" / "index.lock"
    page = work / "page0.php"
    with Running(tmp_path / "agent", [site.root]) as running:
        lock.touch()
        page.write_text("shell")
        until(lambda: running.sensor.coverage()["git_held"] == 1)
        page.write_text("one")
        until(lambda: running.sensor.coverage()["git_held"] == 2)
        lock.unlink()
        until(lambda: changes(running, work).get("page0.php"))
        running.settle()
        states = [
            (c.git, c.window is None) for c in running.context.changes() if c.path == str(page)
        ]
        assert states[0] == ("modified", True)


@pytest.mark.parametrize("what", ["mode", "acl"])
def test_a_right_that_git_does_not_give(site: Site, tmp_path: Path, what: str) -> None:
    work = site.clone()
    page = work / "page0.php"
    with Running(tmp_path / "agent", [site.root]) as running:
        if what == "mode":
            page.chmod(0o666)
        else:
            entries = b"".join(
                struct.pack("<HHI", tag, 6, 33 if tag == 2 else 0xFFFFFFFF)
                for tag in (1, 2, 4, 16, 32)
            )
            os.setxattr(page, "system.posix_acl_access", b"\2\0\0\0" + entries)
        running.settle()
        page.touch()
        running.settle()
        found = [c for c in running.context.changes() if c.path == str(page)]
        assert found
        assert {change.window for change in found} == {None}
        assert str(page) in drift(running)
        assert pulls(running) == []


def test_hooks_and_settings_of_git_are_not_bookkeeping(site: Site, tmp_path: Path) -> None:
    work = site.clone()
    with Running(tmp_path / "agent", [site.root]) as running:
        (work / ".git" / "hooks" / "post-merge").write_text("#!/bin/sh")
        (work / ".git" / "objects" / "shell.php").write_text("x")
        git(work, "config", "core.fsmonitor", "/tmp/x")
        git(work, "commit", "-q", "--allow-empty", "-m", "x")
        running.settle()
        found = {path.partition("/.git/")[2] for path in drift(running)}
        assert found - {""} == {"hooks/post-merge", "objects/shell.php", "config"}


def test_an_index_that_lies_or_cannot_be_read(site: Site, tmp_path: Path) -> None:
    work = site.clone()
    index = work / ".git" / "index"
    with Running(tmp_path / "agent", [site.root]) as running:
        for content in (b"rubbish", b"DIRC\0\0\0\2\xff\xff\xff\xff" + bytes(40), b""):
            index.write_bytes(content)
            (work / "page0.php").write_bytes(content + b"x")
            running.settle()
            found = changes(running, work)["page0.php"]
            assert (found.git, found.window) == (None, None)
        index.unlink()
        os.mkfifo(index)
        (work / "page1.php").write_text("x")
        running.settle()
        assert changes(running, work)["page1.php"].git is None


def test_changes_wait_while_git_is_at_work(site: Site, tmp_path: Path) -> None:
    work = site.clone()
    lock = work / ".git" / "index.lock"
    agent = tmp_path / "agent"
    with Running(agent, [site.root]) as running:
        lock.touch()
        (work / "page0.php").write_text("of another length")
        (work / "foreign.php").write_text("x")
        until(lambda: running.sensor.coverage()["git_held"] == 2)
        assert changes(running, work) == {}
    # Stopped in the middle: nothing is forgotten.
    with Running(agent, [site.root]) as running:
        assert changes(running, work) == {}
        # As git ends: the new index, made beside the old one, takes its place.
        made = work / ".git" / "made"
        shutil.copy(work / ".git" / "index", made)
        git(work, "add", "page0.php", index=made)
        made.replace(lock)
        lock.replace(work / ".git" / "index")
        until(lambda: len(changes(running, work)) == 2)
        found = changes(running, work)
        assert (found["page0.php"].git, found["foreign.php"].git) == ("committed", "untracked")
        until(lambda: pulls(running))
        assert str(work / "page0.php") not in drift(running)
        assert str(work / "foreign.php") in drift(running)


def test_a_lock_that_stays_holds_nothing_for_long(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "LIMIT", 1.0)
    work = site.clone()
    with Running(tmp_path / "agent", [site.root]) as running:
        (work / ".git" / "index.lock").touch()
        (work / "page0.php").write_text("shell")
        running.wait("modified", work / "page0.php")
        (work / "page1.php").write_text("shell")
        running.settle()
        assert changes(running, work)["page1.php"].git == "modified"


def test_a_lock_in_a_planted_checkout_holds_nothing(site: Site, tmp_path: Path) -> None:
    site.work.mkdir()
    with Running(tmp_path / "agent", [site.root]) as running:
        (site.work / ".git").mkdir()
        (site.work / ".git" / "index.lock").touch()
        (site.work / "shell.php").write_text("x")
        running.wait("created", site.work / "shell.php")


def test_a_setuid_program_does_not_wait(site: Site, tmp_path: Path) -> None:
    work = site.clone()
    with Running(tmp_path / "agent", [site.root]) as running:
        (work / ".git" / "index.lock").touch()
        (work / "page0.php").chmod(0o4755)
        change = running.wait("attributes", work / "page0.php")
        assert (change.git, change.mode) == ("modified", "4755")


def test_switched_off(site: Site, tmp_path: Path) -> None:
    work = site.clone()
    agent = tmp_path / "agent"
    with Running(agent, [site.root]) as running:
        (work / ".git" / "index.lock").touch()
        (work / "page0.php").write_text("two")
        until(lambda: running.sensor.coverage()["git_held"] == 1)
    with Running(agent, [site.root], git=False) as running:
        running.wait("modified", work / "page0.php")
        (work / "page1.php").write_text("two")
        running.settle()
        assert {change.git for change in changes(running, work).values()} == {None}


@pytest.mark.parametrize("format_", ["sha1", "sha256"])
@pytest.mark.parametrize("version", ["2", "4"])
def test_every_kind_of_index(tmp_path: Path, format_: str, version: str) -> None:
    site = Site(tmp_path, f"--object-format={format_}")
    work = site.clone()
    git(work, "update-index", "--index-version", version)
    with Running(tmp_path / "agent", [site.root]) as running:
        git(site.origin, "commit", "-q", "--allow-empty", "-m", "x")
        site.release(3)
        git(work, "pull", "-q")
        until(lambda: pulls(running))
        assert {change.git for change in changes(running, work).values()} == {"committed"}


def test_other_work_trees_and_submodules(site: Site, tmp_path: Path) -> None:
    work = site.clone()
    other = site.root / "other"
    git(work, "worktree", "add", "-q", str(other), "-b", "side")
    git(work, "submodule", "--quiet", "add", str(site.origin), "module")
    git(work, "commit", "-q", "-m", "module")
    with Running(tmp_path / "agent", [site.root]) as running:
        for where in (other, work / "module"):
            (where / "page0.php").write_text("two")
            git(where, "add", "-A")
        (other / "page1.php").write_text("shell")
        running.settle()
        (other / "page0.php").touch()
        (work / "module" / "page0.php").touch()
        running.settle()
        assert changes(running, other)["page0.php"].git == "committed"
        assert changes(running, other)["page1.php"].git == "modified"
        assert changes(running, work)["module/page0.php"].git == "committed"
        until(lambda: len(pulls(running)) >= 2)
        assert {window.paths for window in pulls(running)} == {
            (str(other),),
            (str(work / "module"),),
        }


def test_where_head_is(site: Site) -> None:
    work = site.clone()
    commit = git(work, "rev-parse", "HEAD")
    reader = Reader()
    try:
        checkout = reader.find(os.fsencode(work / "lib"))
        assert checkout is not None
        assert checkout.work == os.fsencode(work)
        assert reader.head(checkout) == f"main at {commit[:12]}"
        git(work, "pack-refs", "--all")
        assert reader.head(checkout) == f"main at {commit[:12]}"
        git(work, "checkout", "-q", "--detach")
        assert reader.head(checkout) == commit[:12]
        (work / ".git" / "HEAD").write_text("ref: refs/../../../etc/passwd")
        assert reader.head(checkout) == ""
        assert reader.find(os.fsencode(site.root)) is None
    finally:
        reader.close()


def test_a_git_file_may_not_lead_to_somebody_else(site: Site) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    site.work.mkdir()
    other = site.root / "theirs"
    git(site.root, "init", "-q", str(other))
    (site.work / ".git").write_text(f"gitdir: {other}/.git")
    os.chown(other / ".git", 65534, 65534)
    reader = Reader()
    try:
        assert reader.find(os.fsencode(site.work)) is None
    finally:
        reader.close()


def test_object_ids(site: Site) -> None:
    path = site.write("x", "content")
    found = blob_of_file(os.fsencode(path), None, 100, "sha1", lambda: None)
    assert found == blob_of_bytes(b"content", "sha1")
    assert found.hex() == git(site.origin, "hash-object", "x")
    assert blob_of_file(os.fsencode(path), None, 6, "sha1", lambda: None) is None
    assert blob_of_file(os.fsencode(site.origin), None, 100, "sha1", lambda: None) is None
    assert blob_of_file(b"/none", None, 100, "sha1", lambda: None) is None


def test_accepted_for_git_is_counted(site: Site, tmp_path: Path) -> None:
    work = site.clone()
    with Running(tmp_path / "agent", [site.root]) as running:
        site.release(3)
        git(work, "pull", "-q")
        until(lambda: pulls(running))
        connection = sqlite3.connect(running.context.state_dir / "baseline.db")
        (number,) = connection.execute("SELECT value FROM meta WHERE key = ?", (GIT,)).fetchone()
        connection.close()
        assert number >= 9
