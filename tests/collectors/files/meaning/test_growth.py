"""What must not happen: a busy log becomes a stream of events; one that was cleared goes by."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files.meaning.growth import Growth
from collectors.kinds import FileChange, Severity
from tests.collectors.files.context import Running
from tests.patience import until


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    (tmp_path / "host/srv").mkdir(parents=True)
    folder = tmp_path / "host/var/log"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def running(logs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(Growth, "often", 0.1)
    (logs / "auth.log").write_text("one\n" * 100)
    (logs / "lastlog").write_bytes(b"\0" * 100)
    host = logs.parent.parent
    with Running(host.parent / "state", [host], root=bytes(host)) as sensor:
        yield sensor


def told(running: Running, path: Path) -> list[tuple[str, str | None]]:
    return [(c.action, c.growth) for c in running.context.changes() if c.path == str(path)]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def quiet(running: Running) -> None:
    """Let all that has been written so far be looked at."""
    host = Path(running.settings.paths[0])
    for number in range(4):
        marker = host / f".marker-{number}"
        marker.write_bytes(b"")
        running.wait("created", marker)
        marker.unlink()
        running.wait("deleted", marker)


def test_growth_is_told_once(running: Running, logs: Path) -> None:
    log = logs / "auth.log"
    for number in range(10):
        append(log, f"more {number}\n")
        until(lambda: len(told(running, log)) == 1, "one event")
        quiet(running)
    assert told(running, log) == [("modified", "appended")]
    (change,) = (c for c in running.context.changes() if c.path == str(log))
    assert (change.role, change.previous_size, change.techniques) == ("log", 400, ())


def swap(log: Path) -> None:
    other = log.with_name("sedXyz")
    other.write_text("one\n" * 50)
    other.rename(log)


@pytest.mark.parametrize(
    ("rewrite", "growth"),
    [
        (lambda log: log.write_text(""), "truncated"),
        (lambda log: log.write_text("one\n" * 99), "truncated"),
        (lambda log: log.write_text("two\n" * 100), "rewritten"),
        (lambda log: log.write_text("two\n" * 200), "rewritten"),
        (swap, "rewritten"),
    ],
)
def test_a_cleared_log(running: Running, logs: Path, rewrite: object, growth: str) -> None:
    log = logs / "auth.log"
    assert callable(rewrite)
    rewrite(log)
    until(lambda: ("modified", growth) in told(running, log), growth)
    found = {
        s.severity
        for s in running.context.sightings()
        if isinstance(s.record, FileChange) and s.record.growth == growth
    }
    assert found == {Severity.HIGH}
    change = next(c for c in running.context.changes() if c.growth == growth)
    assert "T1070.002" in change.techniques


def test_rotation_by_renaming(running: Running, logs: Path) -> None:
    log, old = logs / "auth.log", logs / "auth.log.1"
    log.rename(old)
    log.write_text("new\n")
    until(lambda: told(running, log) and told(running, old), "rotation")
    quiet(running)
    growths = {growth for _, growth in told(running, log)}
    assert not growths & {"truncated", "rewritten"}
    assert "rotated" in growths | {growth for _, growth in told(running, old)}


def test_rotation_by_copying(running: Running, logs: Path) -> None:
    log = logs / "auth.log"
    (logs / "auth.log.1").write_bytes(log.read_bytes())
    log.write_text("")
    until(lambda: told(running, log), "rotation")
    assert told(running, log) == [("modified", "rotated")]


def test_what_is_no_log(running: Running, logs: Path) -> None:
    (logs / "lastlog").write_bytes(b"\0" * 50)
    until(lambda: told(running, logs / "lastlog"), "a change")
    assert told(running, logs / "lastlog") == [("modified", None)]


def test_called_like_a_log_elsewhere(running: Running, logs: Path) -> None:
    log = logs.parent.parent / "srv/app.log"
    log.write_text("x\n")
    running.wait("created", log)
    for number in range(1, Growth.learned_after + 1):
        quiet(running)
        append(log, f"{number}\n")
        until(lambda wanted=number: len(told(running, log)) == wanted + 1)  # type: ignore[misc]
    append(log, "quiet\n")
    quiet(running)
    assert len(told(running, log)) == Growth.learned_after + 1
    log.write_text("")
    until(lambda: ("modified", "truncated") in told(running, log), "truncation")


def test_a_program_is_never_a_log(running: Running, logs: Path) -> None:
    script = logs.parent.parent / "srv/x.log"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    running.wait("created", script)
    for number in range(Growth.learned_after + 3):
        quiet(running)
        append(script, f"echo {number}\n")
        until(
            lambda wanted=number: (
                len(  # type: ignore[misc]
                    [a for a, _ in told(running, script) if a == "modified"]
                )
                == wanted + 1
            )
        )


def test_the_journal_is_only_watched_for_loss(running: Running, logs: Path) -> None:
    journal = logs / "journal/0123/system.journal"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"x" * 4096)
    running.wait("created", journal)
    quiet(running)
    before = len(told(running, journal))
    with journal.open("r+b") as file:
        file.write(b"y" * 10)
    append(journal, "more")
    quiet(running)
    assert len(told(running, journal)) == before
    os.truncate(journal, 10)
    until(lambda: ("modified", "truncated") in told(running, journal), "truncation")


def test_a_right_that_changes_while_it_grows_is_told(running: Running, logs: Path) -> None:
    log = logs / "auth.log"
    append(log, "more\n")
    running.wait("modified", log)
    quiet(running)
    os.setxattr(log, "user.x", b"y")
    append(log, "even more\n")
    until(
        lambda: any("xattr" in c.changed for c in running.context.changes() if c.path == str(log))
    )


@pytest.mark.parametrize("often", [0.1, 600.0])
@pytest.mark.parametrize("limit", ["64MiB", "300"])
def test_neither_mode_nor_owner_hides_in_growth(
    logs: Path, monkeypatch: pytest.MonkeyPatch, often: float, limit: str
) -> None:
    monkeypatch.setattr(Growth, "often", often)
    log = logs / "auth.log"
    log.write_text("one\n" * 100)
    host = logs.parent.parent
    with Running(host.parent / "state", [host], root=bytes(host), max_hash_bytes=limit) as running:
        append(log, "more\n")
        running.wait("modified", log)
        quiet(running)
        append(log, "even more\n")
        log.chmod(0o666)
        until(lambda: any("mode" in c.changed for c in running.context.changes()), "the mode")
        append(log, "still more\n")
        state = log.stat()
        os.utime(log, ns=(state.st_atime_ns, state.st_mtime_ns - 10**12))
        if often < 1:
            until(lambda: any("times" in c.changed for c in running.context.changes()))


def test_a_journal_that_is_made_anew_or_opened_up(running: Running, logs: Path) -> None:
    journal = logs / "journal/0123/system.journal"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"x" * 4096)
    running.wait("created", journal)
    quiet(running)
    append(journal, "more")
    journal.chmod(0o666)
    until(lambda: any("mode" in c.changed for c in running.context.changes()), "the mode")
    with journal.open("r+b") as file:
        file.write(b"y")
    os.setxattr(journal, "user.x", b"y")
    until(lambda: any("xattr" in c.changed for c in running.context.changes()), "the xattr")
    other = journal.with_name("other")
    other.write_bytes(b"z" * 9000)
    other.replace(journal)
    until(lambda: ("modified", "rewritten") in told(running, journal), "the replacement")
