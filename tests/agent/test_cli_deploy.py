"""expect and baseline, as a sysadmin runs them beside a running agent."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.test_cli import NIK, Host, _one_line
from tests.patience import PATIENCE, until


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Enrolled, with a web root that has an application in it."""
    made = Host(tmp_path)
    (made.web / "app").mkdir()
    (made.web / "app" / "index.php").write_text("one")
    (made.web / "app" / f"ktp_{NIK}.php").write_text("one")
    made.enroll()
    with contextlib.closing(made.collector):
        yield made


def kinds(host: Host, kind: str) -> list[dict[str, Any]]:
    """Return the events of one kind that have arrived."""
    return [e for e in host.collector.events.values() if e["ronda.kind"] == kind]


def test_mistakes_are_told_before_anything_is_asked(host: Host) -> None:
    """Exit code 2; nothing is put in line."""
    app = str(host.web / "app")
    state = host.state / "sensors" / "files"
    _one_line(host.call("expect", "--list"), 3, "has not run yet")
    state.mkdir(parents=True)
    for words, part in (
        (["--path", app, "--for", "10m"], "say why"),
        (["--path", app, "--reason", "x"], "without end"),
        (["--for", "10m", "--reason", "x"], "say where"),
        (["--path", "app", "--for", "10m", "--reason", "x"], "not absolute"),
        (["--path", app, "--for", "soon", "--reason", "x"], "not a duration"),
    ):
        done = host.call("expect", *words)
        assert done.returncode == 2
        assert part in done.stderr
    assert host.call("baseline", "accept").returncode == 2
    _one_line(host.call("baseline", "show"), 3, "has not run")
    assert not (state / "requests").exists()


def test_a_deployment(host: Host) -> None:
    """Announced, done, closed; then the new state is accepted."""
    app = host.web / "app"
    with host.running() as process:
        opened = host.call(
            "expect", "--path", str(app), "--for", "10m", "--reason", f"data of {NIK}", "-o", "json"
        )
        assert opened.returncode == 0, opened.stderr
        window = json.loads(opened.stdout)["window"]
        (app / "index.php").write_text("two")
        (app / "new.php").write_text("x")
        (host.web / "aside.php").write_text("x")
        until(lambda: "aside.php" in str(host.collector.events))
        listed = json.loads(host.call("expect", "--list", "-o", "json").stdout)
        assert [(one["window"], one["state"]) for one in listed] == [(window, "open")]
        assert window in host.call("expect", "--list").stdout
        closed = host.call("expect", "--close", window, "--reason", "done")
        assert closed.returncode == 0, closed.stderr
        assert host.call("expect", "--close", window).returncode == 1
        until(lambda: len(kinds(host, "change.window")) == 2)
        inside = [e["file.path"] for e in kinds(host, "file.change") if "ronda.window.id" in e]
        assert {path.rpartition("/")[2] for path in inside} == {"index.php", "new.php"}
        _diff_and_accept(host, app)
        _show(host, app)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert NIK not in str(host.collector.events)
    for path in host.state.rglob("*"):
        if path.is_file():
            assert NIK.encode() not in path.read_bytes(), path


def _diff_and_accept(host: Host, app: Path) -> None:
    differs = host.call("baseline", "diff", str(app), "-o", "json")
    assert differs.returncode == 1
    rows = {row["path"].rpartition("/")[2]: row for row in json.loads(differs.stdout)}
    assert set(rows) == {"index.php", "new.php"}
    changed = rows["index.php"]
    assert (changed["change"], rows["new.php"]["change"]) == ("modified", "created")
    assert changed["accepted"]["sha256"] != changed["now"]["sha256"]
    assert any(text.startswith("sha256 ") for text in changed["what"])
    assert changed["window"]
    assert host.call("baseline", "diff", str(app / "none")).returncode == 0
    accepted = host.call("baseline", "accept", "--path", str(app), "--reason", "release 7")
    assert (accepted.returncode, accepted.stdout) == (0, "2 differences are accepted\n")
    assert host.call("baseline", "diff", str(app)).returncode == 0
    left = host.call("baseline", "diff")
    assert left.returncode == 1
    assert "aside.php" in left.stdout
    assert re.match(r"[0-9]+ differences: ", left.stdout)
    short = host.call("baseline", "diff", "--limit", "1", "--lang", "id").stdout.splitlines()
    assert "perbedaan" in short[0]
    assert len([line for line in short if str(host.web) in line]) == 1
    until(lambda: bool(kinds(host, "baseline.accepted")))
    (record,) = kinds(host, "baseline.accepted")
    assert record["event.reason"] == "release 7"
    assert record["ronda.baseline.entries"] == 2
    assert record["user.id"].isdigit()


def _show(host: Host, app: Path) -> None:
    whole = host.call("baseline", "show", str(host.web), "-o", "jsonl")
    assert whole.returncode == 0
    lines = [json.loads(line) for line in whole.stdout.splitlines()]
    names = [line["path"] for line in lines]
    assert str(app / "index.php") in names
    assert str(host.web) in names
    assert NIK not in whole.stdout
    paged: list[str] = []
    while True:
        behind = ["--after", paged[-1]] if paged else []
        some = host.call("baseline", "show", str(host.web), "-o", "jsonl", "--limit", "2", *behind)
        paged += [json.loads(line)["path"] for line in some.stdout.splitlines()]
        if "go on with --after" not in some.stderr:
            break
        if "~" in paged[-1]:  # a masked name cannot be typed
            break
    assert paged == names[: len(paged)]
    assert len(paged) >= 4
    table = host.call("baseline", "show", str(app / "index.php"))
    assert table.stdout.splitlines()[1].endswith(str(app / "index.php"))
    rows = list(
        csv.reader(io.StringIO(host.call("baseline", "show", str(host.web), "-o", "csv").stdout))
    )
    assert len(rows) == len(names) + 1
    assert host.call("baseline", "show", str(app / "none")).returncode == 3
    overview = host.call("baseline", "show")
    assert overview.returncode == 0
    assert " names in " in overview.stdout.splitlines()[0]
    (line,) = [line for line in overview.stdout.splitlines() if line.endswith(str(host.web))]
    assert line.split()[0] == str(len(names) - 1)  # the root itself is no name in it


def test_refused(host: Host) -> None:
    """Exit code 1, why, and an event."""
    with host.running() as process:
        for path in ("/", "/etc", str(host.state)):
            done = host.call("expect", "--path", path, "--for", "10m", "--reason", "x")
            _one_line(done, 1, "refused: ")
        done = host.call("expect", "--path", str(host.web), "--for", "5h", "--reason", "x")
        _one_line(done, 1, "max_window")
        until(lambda: len(kinds(host, "change.window")) == 4)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def test_nobody_is_there(host: Host) -> None:
    """The order waits, and the command says so; a path through a link means what it leads to."""
    app = host.web / "app"
    with host.running() as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    (host.root / "current").symlink_to(app)
    began = time.monotonic()
    done = host.call(
        "expect", "--path", str(host.root / "current"), "--for", "10m", "--reason", "x"
    )
    assert done.returncode == 0
    assert "not running" in done.stdout
    assert time.monotonic() - began < 10
    with host.running() as process:
        (app / "late.php").write_text("x")
        until(lambda: "late.php" in str(host.collector.events))
        (event,) = [e for e in kinds(host, "file.change") if "late.php" in e["file.path"]]
        assert event["ronda.window.id"].startswith("w")
        process.send_signal(signal.SIGKILL)
        process.wait()
    listed = json.loads(host.call("expect", "--list", "-o", "json").stdout)
    assert listed[0]["paths"] == [str(host.root / "current"), str(app)]


@pytest.mark.root
def test_the_baseline_of_another_user_stays_his(host: Host) -> None:
    """Root reads it; nothing that the agent could not write afterwards is left."""
    with host.running() as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    sensor = host.state / "sensors" / "files"
    for path in (sensor, *sensor.iterdir()):
        os.chown(path, 65534, 65534)
    assert host.call("baseline", "show").returncode == 0
    host.call("baseline", "diff")
    host.call("expect", "--path", str(host.web / "app"), "--for", "1m", "--reason", "x")
    owners = {path.name: path.stat().st_uid for path in sensor.rglob("*")}
    assert set(owners.values()) == {65534}, owners
