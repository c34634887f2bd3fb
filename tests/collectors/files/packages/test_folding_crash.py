"""What must not happen: killed while changes are held or judged, one of them lost or told twice."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.collectors.files.context import FakeContext
from tests.collectors.files.packages.world import World, files_of
from tests.collectors.files.test_crash import Agent
from tests.patience import until


@pytest.fixture
def contexts() -> Iterator[Callable[[Path], FakeContext]]:
    """Open the spool of a sensor; closed at the end."""
    opened: list[FakeContext] = []

    def open_(state: Path) -> FakeContext:
        opened.append(FakeContext(state))
        return opened[-1]

    yield open_
    for context in opened:
        context.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [20263, 20264])
def test_killed_during_a_transaction(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    contexts: Callable[[Path], FakeContext],
    seed: int,
) -> None:
    chance = random.Random(seed)
    world = World(tmp_path / "root")
    packages = [f"{name}{round_}" for round_ in range(3) for name in ("alpha", "beta")]
    for package in packages:
        world.unpack(package, "1.0", files_of(package, "1.0", 40))
    state = tmp_path / "state"
    monkeypatch.setenv("RONDA_TEST_ROOT", str(world.top))
    agent = Agent(state, Path(":".join(map(str, world.watched()))))
    agent.start(ready=True)
    strangers = []
    for round_ in range(3):
        with world.lock():
            # Each package once: of a file that is replaced twice the state in between is told.
            for package in packages[round_ * 2 : round_ * 2 + 2]:
                world.unpack(package, "1.1", files_of(package, "1.1", 40))
                stranger = world.path(f"/usr/lib/evil-{package}")
                stranger.write_bytes(b"x")
                strangers.append(str(stranger))
                time.sleep(chance.uniform(0.0, 0.6))
                agent.end(signal.SIGKILL)
                agent.start()
        # Somewhere around the end of the quiet time, when everything is judged.
        time.sleep(chance.uniform(2.8, 4.2))
        agent.end(signal.SIGKILL)
        agent.start()
    agent.end(signal.SIGKILL)
    agent.start(ready=True)

    context = contexts(state)
    until(lambda: {c.path for c in context.changes()} >= set(strangers), f"seed {seed}")
    last = world.path("/usr/lib/last")
    last.write_bytes(b"x")
    until(lambda: str(last) in {c.path for c in context.changes()}, "the end")
    assert agent.end(signal.SIGTERM) == 0
    told = Counter((c.action, c.path) for c in context.changes())
    assert told == Counter({("created", path): 1 for path in [*strangers, str(last)]})
    assert sum(event.total for event in context.transactions()) >= 6 * 40
    assert sum(event.unexplained for event in context.transactions()) == len(strangers)
    numbers = [event.number for event in context.transactions()]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.slow
def test_killed_while_held_changes_are_told_as_they_were_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contexts: Callable[[Path], FakeContext]
) -> None:
    world = World(tmp_path / "root")
    world.unpack("alpha", "1.0", files_of("alpha", "1.0", 3))
    state = tmp_path / "state"
    monkeypatch.setenv("RONDA_TEST_ROOT", str(world.top))
    agent = Agent(state, Path(":".join(map(str, world.watched()))))
    agent.start(ready=True)
    victim = world.path("/usr/bin/alpha-0")
    database = state / "sensors/files/baseline.db"
    with world.lock():
        world.log("startup archives unpack")
        victim.write_bytes(b"evil")
        until(lambda: held(database) > 0, "held")
        agent.end(signal.SIGKILL)
        assert held(database) == 1
        agent.start(ready=True)
        victim.unlink()
        until(lambda: held(database) > 1, "held")
    context = contexts(state)
    until(lambda: len(context.changes()) == 2, "both")
    agent.end(signal.SIGTERM)
    assert [c.action for c in context.changes()] == ["modified", "deleted"]
    assert {c.package for c in context.changes()} == {"alpha"}


def held(database: Path) -> int:
    """Return how many changes the database holds."""
    import sqlite3

    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10.0)
    try:
        return int(connection.execute("SELECT count(*) FROM held").fetchone()[0])
    finally:
        connection.close()
