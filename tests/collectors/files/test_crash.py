"""What must not happen: killed at any moment, an event lost, told twice, or a wrong final state."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from collectors.kinds import FileChange
from tests.collectors.files.context import FakeContext
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.usefixtures("backend")

_SCRIPT = Path(__file__).with_name("run_sensor.py")
_TOP = Path(__file__).parents[3]


class Agent:
    """The sensor in a process of its own."""

    def __init__(self, state: Path, root: Path) -> None:
        self._arguments = [sys.executable, str(_SCRIPT), str(state), str(root)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: bool = False, watches: bool = False) -> None:
        """Start it; wait until it is *ready*, or has its first watch."""
        environment = {**os.environ, "PYTHONPATH": str(_TOP)}
        self._process = subprocess.Popen(
            self._arguments, stdout=subprocess.PIPE, env=environment, cwd=_TOP
        )
        if ready or watches:
            assert self._process.stdout is not None
            for line in self._process.stdout:
                coverage = json.loads(line)
                if coverage["state"] == "watching" or (watches and coverage["watched_directories"]):
                    break

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        """A test that failed leaves no process to those that follow."""
        if self._process is not None and self._process.poll() is None:
            self.end(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def sleeps(self) -> bool:
        """Tell whether no thread has had anything to do for a while."""
        assert self._process is not None
        tasks = Path(f"/proc/{self._process.pid}/task")
        for _ in range(20):
            for task in tasks.iterdir():
                try:
                    _, _, rest = (task / "stat").read_text().rpartition(") ")
                except (FileNotFoundError, ProcessLookupError):  # that thread has just ended
                    return False
                if rest[:1] != "S":
                    return False
            time.sleep(0.02)
        return True

    def end(self, number: signal.Signals) -> int:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        process.send_signal(number)
        code = process.wait(PATIENCE)
        process.stdout.close()
        return code


def final_states(changes: list[FileChange]) -> dict[str, str | None]:
    """Return path to last hash, of files that were last told to be there."""
    last: dict[str, str | None] = {}
    for change in changes:
        if change.type != "file":
            continue
        if change.action == "deleted" or change.outcome == "gone":
            last.pop(change.path, None)
        else:
            last[change.path] = change.sha256
    return last


def disk(root: Path) -> dict[str, str | None]:
    """Return path to hash of all files."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def churn(root: Path, seconds: float, chance: random.Random, count: int) -> int:
    """Create, change, rename and delete; return how many files were created so far."""
    deadline = time.monotonic() + seconds
    alive = [path for path in root.rglob("*") if path.is_file()]
    while time.monotonic() < deadline:
        what = chance.random()
        if what < 0.5 or not alive:
            count += 1
            directory = root / f"d{chance.randrange(20)}"
            directory.mkdir(exist_ok=True)
            path = directory / f"f{count}"
            path.write_bytes(b"%d" % count)
            alive.append(path)
        elif what < 0.7:
            chance.choice(alive).write_bytes(chance.randbytes(20))
        elif what < 0.8:
            path = alive.pop(chance.randrange(len(alive)))
            temporary = path.with_name(f"tmp{count}-{chance.random()}")
            temporary.write_bytes(chance.randbytes(10))
            temporary.rename(path)
            alive.append(path)
        else:
            alive.pop(chance.randrange(len(alive))).unlink()
        if chance.random() < 0.05:
            time.sleep(0.005)
    return count


def larger(path: Path, size: int) -> bool:
    """Tell whether *path* has more than *size* bytes."""
    return path.exists() and path.stat().st_size > size


@pytest.mark.slow
@pytest.mark.parametrize("seed", [20261, 20262])
def test_killed_at_random(stack: ExitStack, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    root = tmp_path / "watched"
    root.mkdir()
    state = tmp_path / "state"
    agent = stack.enter_context(Agent(state, root))
    agent.start(ready=True)
    count = 0
    for _ in range(8):
        count = churn(root, chance.uniform(0.1, 1.2), chance, count)
        agent.end(signal.SIGKILL)
        count = churn(root, chance.uniform(0.0, 0.1), chance, count)
        agent.start()
        count = churn(root, chance.uniform(0.0, 0.5), chance, count)
    agent.end(signal.SIGKILL)
    agent.start(ready=True)

    context = stack.enter_context(closing(FakeContext(state)))
    expected = disk(root)
    until(lambda: final_states(context.changes()) == expected, f"final states, seed {seed}")
    assert agent.end(signal.SIGTERM) == 0
    changes = context.changes()
    created = Counter(str(c.path) for c in changes if c.action == "created" and c.type == "file")
    assert {path: created[path] for path in expected} == dict.fromkeys(expected, 1)
    assert count > 500
    numbers = [n for path, n in created.items() if "/f" in path]
    assert set(numbers) == {1}
    causes = Counter(record.cause for record in context.lost())
    assert set(causes) <= {"crashed", "queue_overflow"}
    assert all(record.repaired for record in context.lost() if record.cause == "crashed")
    assert causes["crashed"] >= 1


@pytest.mark.slow
def test_killed_during_the_first_baseline(stack: ExitStack, tmp_path: Path) -> None:
    root = tmp_path / "watched"
    for number in range(300):
        (root / f"d{number}").mkdir(parents=True)
        for each in range(30):
            (root / f"d{number}" / f"f{each}").write_bytes(b"%d" % each)
    agent = stack.enter_context(Agent(tmp_path / "state", root))
    context = stack.enter_context(closing(FakeContext(tmp_path / "state")))
    database = context.state_dir / "baseline.db-wal"
    for round_ in range(4):
        agent.start()
        grown = functools.partial(larger, database, 100_000 * (round_ + 1))
        until(grown)
        agent.end(signal.SIGKILL)
    agent.start(ready=True)
    late = root / "d0" / "late"
    late.write_bytes(b"x")
    until(context.changes)
    agent.end(signal.SIGTERM)
    assert [(c.action, c.path) for c in context.changes()] == [("created", str(late))]


@pytest.mark.slow
def test_created_during_the_first_baseline(stack: ExitStack, tmp_path: Path) -> None:
    root = tmp_path / "watched"
    for number in range(1000):
        (root / f"d{number}").mkdir(parents=True)
        (root / f"d{number}" / "old").write_bytes(b"x")
    agent = stack.enter_context(Agent(tmp_path / "state", root))
    context = stack.enter_context(closing(FakeContext(tmp_path / "state")))
    agent.start(watches=True)
    new = []
    for number in range(400):
        directory = root / f"n{number}"
        directory.mkdir()
        (directory / "f").write_bytes(b"y")
        (root / f"d{number}" / "new").write_bytes(b"z")
        new += [str(directory), str(directory / "f"), str(root / f"d{number}" / "new")]

    def told() -> Counter[str]:
        return Counter(c.path for c in context.changes() if c.action == "created")

    # What came before the watches were there belongs to the baseline; the rest is told.
    marker = root / "marker"
    marker.write_bytes(b"")
    until(lambda: told()[str(marker)])
    agent.end(signal.SIGTERM)
    assert set(told().values()) == {1}
    assert set(told()) <= {*new, str(marker)}
    assert str(root / "n399" / "f") in told()
