"""What must not happen: an order that is lost, carried out twice, or nobody hears of."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TypeVar

import pytest

from collectors.boot import boot_id, since_boot
from collectors.files.deploy import requests
from collectors.files.deploy.drift import Drifted, read_drift
from collectors.files.deploy.mailbox import fetch, post
from collectors.files.deploy.requests import Accept, Answer, Close, Expect, new_id
from collectors.files.deploy.windows import read_windows
from collectors.kinds import BaselineAccepted, ChangeWindow, Record
from tests.collectors.files.context import FakeContext, Running
from tests.patience import PATIENCE, until

Kind = TypeVar("Kind", bound=Record)
REPO = Path(__file__).parents[4]


def expect(*paths: Path, seconds: float = 600) -> Expect:
    return Expect(
        id=new_id(),
        by="1000",
        made=time.time_ns(),
        reason="release 7",
        paths=tuple(os.fsencode(path) for path in paths),
        seconds=seconds,
        boot=boot_id(),
        since_boot=since_boot(),
    )


def accept(*paths: Path, made: int | None = None) -> Accept:
    names = tuple(os.fsencode(path) for path in paths)
    made = made or time.time_ns()
    return Accept(id=new_id(), by="1000", made=made, reason="seen", paths=names)


def ask(running: Running, request: requests.Any) -> Answer:
    post(running.context.state_dir, request)
    answer = fetch(running.context.state_dir, request.id, PATIENCE)
    assert answer is not None
    return answer


def told(context: FakeContext, kind: type[Kind]) -> list[Kind]:
    return [one.record for one in context.sightings() if isinstance(one.record, kind)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "watched"
    (directory / "app").mkdir(parents=True)
    (directory / "app" / "index.php").write_bytes(b"one")
    (directory / "other").write_bytes(b"one")
    return directory


def test_a_window_from_opening_to_closing(root: Path, tmp_path: Path) -> None:
    with Running(tmp_path / "agent", [root]) as running:
        (root / "app" / "before").write_bytes(b"x")
        opened = ask(running, expect(root / "app"))
        assert opened.done, opened.text
        assert "is open" in opened.text
        (root / "app" / "index.php").write_bytes(b"two")
        (root / "other").write_bytes(b"two")
        running.settle()
        assert running.sensor.coverage()["windows"] == 1
        (root / "app" / "late").write_bytes(b"x")
        # Not looked at yet, but done before the command: it belongs to the window.
        request = Close(id=new_id(), by="1001", made=time.time_ns(), window=opened.window)
        closed = ask(running, request)
        assert closed.done
        (root / "app" / "after").write_bytes(b"x")
        running.settle()
        inside = {(c.path.rsplit("/", 1)[1], c.window) for c in running.context.changes()}
        assert {name for name, window in inside if window == opened.window} == {
            "index.php",
            "late",
        }
        assert {"before", "after", "other"} <= {name for name, window in inside if not window}
        first, last = told(running.context, ChangeWindow)
        assert (first.action, last.action, last.by) == ("opened", "closed", "1001")
        assert sum(last.actions.values()) == closed.entries >= 2
        assert running.sensor.coverage()["windows"] == 0
    assert list((running.context.state_dir / "requests").iterdir()) == []


def test_a_window_expires_by_itself_and_after_a_restart(root: Path, tmp_path: Path) -> None:
    with Running(tmp_path / "agent", [root]) as running:
        assert ask(running, expect(root / "app", seconds=2.5)).done
        until(lambda: len(told(running.context, ChangeWindow)) == 2)
        assert told(running.context, ChangeWindow)[1].action == "expired"
        assert ask(running, expect(root / "app", seconds=2.5)).done
    time.sleep(2.5)
    with Running(tmp_path / "agent", [root]) as running:
        until(lambda: len(told(running.context, ChangeWindow)) == 4)
        (root / "app" / "index.php").write_bytes(b"later")
        assert running.wait("modified", root / "app" / "index.php").window is None


def test_refused_and_unreadable_orders_are_told(root: Path, tmp_path: Path) -> None:
    with Running(tmp_path / "agent", [root], max_window="1m") as running:
        for request in (
            expect(Path("/etc")),
            expect(tmp_path / "agent"),
            expect(root / "app", seconds=61),
        ):
            answer = ask(running, request)
            assert not answer.done
            assert answer.text.startswith("refused: ")
        folder = running.context.state_dir / "requests"
        (folder / f"{'a' * 32}.json").write_bytes(b"rubbish")
        until(lambda: len(told(running.context, ChangeWindow)) == 4)
        assert {one.action for one in told(running.context, ChangeWindow)} == {"refused"}
        assert list(folder.iterdir()) == []


def test_an_order_given_while_nobody_runs(root: Path, tmp_path: Path) -> None:
    with Running(tmp_path / "agent", [root]) as running:
        state = running.context.state_dir
    request = expect(root / "app")
    post(state, request)
    with Running(tmp_path / "agent", [root]):
        answer = fetch(state, request.id, PATIENCE)
        assert answer is not None
        assert answer.done


def test_accepting(root: Path, tmp_path: Path) -> None:
    with Running(tmp_path / "agent", [root]) as running:
        (root / "app" / "index.php").write_bytes(b"two")
        (root / "other").write_bytes(b"two")
        running.settle()
        seen = time.time_ns()
        (root / "app" / "shell.php").write_bytes(b"two")
        running.settle()
        answer = ask(running, accept(root / "app", made=seen))
        assert (answer.done, answer.entries) == (True, 1)
        (record,) = told(running.context, BaselineAccepted)
        assert (record.by, record.entries, record.reason) == ("1000", 1, "seen")
        assert record.sample == (str(root / "app" / "index.php"),)
        assert ask(running, accept(root / "none")).entries == 0
        assert len(told(running.context, BaselineAccepted)) == 1
    with Running(tmp_path / "agent", [root]) as running:
        names = {one.path.rsplit(b"/", 1)[1] for one in _drift(running)}
        assert {b"other", b"shell.php"} <= names
        assert b"index.php" not in names
        ask(running, accept())
        assert list(_drift(running)) == []


def _drift(running: Running) -> list[Drifted]:
    connection = sqlite3.connect(running.context.state_dir / "baseline.db")
    try:
        return list(read_drift(connection))
    finally:
        connection.close()


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.4])
def test_exactly_once_across_a_kill(root: Path, tmp_path: Path, seconds: float) -> None:
    agent = tmp_path / "agent"
    with Running(agent, [root]) as running:
        state = running.context.state_dir
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.collectors.files.run_sensor", str(agent), str(root)],
        cwd=REPO,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process, process.stdout:
        for line in process.stdout:
            if '"state": "watching"' in line:
                break
        ids = []
        for _ in range(5):
            request = expect(root / "app")
            post(state, request)
            ids.append(request.id)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
    with Running(agent, [root]) as running:
        for number in ids:
            answer = fetch(state, number, PATIENCE)
            assert answer is not None
            assert answer.done
        opened = told(running.context, ChangeWindow)
        assert [one.action for one in opened] == ["opened"] * 5
        assert {one.window for one in opened} == {f"w{number[:8]}" for number in ids}


def test_killed_between_effect_and_answer(root: Path, tmp_path: Path) -> None:
    """The file is still there, the effect too: the answer is given again, nothing else."""
    with Running(tmp_path / "agent", [root]) as running:
        request = expect(root / "app")
        first = ask(running, request)
        post(running.context.state_dir, request)
        assert fetch(running.context.state_dir, request.id, PATIENCE) == first
        assert len(told(running.context, ChangeWindow)) == 1
    connection = sqlite3.connect(running.context.state_dir / "baseline.db")
    assert len(read_windows(connection)) == 1
    connection.close()
