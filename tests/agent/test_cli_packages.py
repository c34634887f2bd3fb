"""What must not happen: `packages` writes into the database, or shows a citizen's number."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files.baseline import Baseline
from collectors.files.packages.hold import Buffer, Child, Summary
from collectors.paths import PathGuard
from tests.agent.test_cli import NIK, Host, _one_line


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Enrolled; nothing has run."""
    made = Host(tmp_path)
    made.enroll()
    with contextlib.closing(made.collector):
        yield made


def fill(host: Host, runs: int) -> bytes:
    """Make the database as the sensor does; the last run has not ended. Return its bytes."""
    state = host.state / "sensors" / "files"
    guard = PathGuard(b"k" * 32)
    with contextlib.closing(Baseline(state)) as baseline:
        buffer = Buffer(baseline.connection)
        buffer.create_tables()
        for each in range(1, runs + 1):
            number = buffer.begin_transaction()
            for path, why in (
                (b"/usr/bin/a", "archive"),
                (b"/usr/share/ktp_" + NIK.encode() + b".txt", "manifest (unverified)"),
            ):
                child = Child(guard.guard(path), "modified", why, "ab" * 32)
                buffer.add_child(number, child)
            buffer.end_transaction(number, Summary(each * 10**18, each * 10**18, 2, 1, "cd" * 32))
        buffer.begin_transaction()
        baseline.commit()
    return (state / "baseline.db").read_bytes()


def test_nothing_has_run(host: Host) -> None:
    """Said in one line, with 3."""
    _one_line(host.call("packages", "list"), 3, "has not run")
    state = host.state / "sensors" / "files"
    state.mkdir(parents=True)
    _one_line(host.call("packages", "show", "1"), 3, "has not run")
    with contextlib.closing(Baseline(state)) as baseline:
        baseline.commit()
    _one_line(host.call("packages", "list"), 0, "no run of the package manager")
    _one_line(host.call("packages", "show", "1"), 3, "not kept here")
    assert host.call("packages", "list", "-o", "json").stdout == "[]\n"


def test_runs_and_their_children(host: Host) -> None:
    """The newest first; one that has not ended is not there; numbers of citizens are masked."""
    (host.state / "sensors" / "files").mkdir(parents=True)
    before = fill(host, 3)
    listed = host.call("packages", "list", "--limit", "2", "-o", "json")
    assert [row["number"] for row in json.loads(listed.stdout)] == [3, 2]
    table = host.call("packages", "list").stdout.splitlines()
    assert table[0].split() == ["NUMBER", "BEGIN", "END", "FOLDED", "TOLD"]
    assert [line.split()[0] for line in table[1:]] == ["3", "2", "1"]
    _one_line(host.call("packages", "show", "4"), 3, "not kept here")
    shown = host.call("packages", "show", "2", "-o", "json")
    first, second = json.loads(shown.stdout)
    assert (first["path"], first["action"], first["why"]) == ("/usr/bin/a", "modified", "archive")
    assert first["sha256"] == "ab" * 32
    assert second["path_token"] != first["path_token"]
    some = host.call("packages", "show", "2", "--why", "unverified")
    assert [line.split()[0] for line in some.stdout.splitlines()] == ["ACTION", "modified"]
    for done in (shown, some):
        assert NIK not in done.stdout + done.stderr
    assert (host.state / "sensors" / "files" / "baseline.db").read_bytes() == before
