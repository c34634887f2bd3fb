from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from server.alerts.model import Channel
from server.alerts.queries import list_alerts
from server.detect.engine import Detection, Engine
from server.detect.rulebook import write_down
from server.detect.runner import Runner
from server.store.events import EventStore, EventWriter, NewBatch, NewEvent
from server.store.state import StateStore
from tests.server.detect.detect_samples import RULE_ID, Source, change, rule_set


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Source]:
    with closing(Source(tmp_path / "events")) as made:
        yield made


@pytest.fixture
def events(tmp_path: Path) -> Iterator[EventStore]:
    with closing(EventStore(tmp_path / "events")) as store:
        yield store


def runner_on(state: StateStore, events: EventStore, stage: str = "stable") -> Runner:
    rules = rule_set("evil", stage=stage)
    write_down(state, rules)
    return Runner(state, events, Engine(rules), channels=(Channel("chat"),))


def test_a_failed_transaction_leaves_nothing_and_loses_nothing(
    state: StateStore, events: EventStore, source: Source
) -> None:
    runner = runner_on(state, events)
    source.store(change("/evil"), change("/good"))
    state.execute("CREATE TRIGGER stop BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'x'); END")
    with pytest.raises(sqlite3.IntegrityError):
        runner.step()
    assert list_alerts(state) == []
    assert state.query("SELECT hits FROM rule") == [{"hits": 0}]
    state.execute("DROP TRIGGER stop")
    assert runner.step() == 2
    assert [row["count"] for row in list_alerts(state)] == [1]
    assert state.query("SELECT hits FROM rule") == [{"hits": 1}]


def test_a_second_runner_goes_on_where_the_first_stopped(
    state: StateStore, events: EventStore, source: Source
) -> None:
    source.store(change("/evil"))
    assert runner_on(state, events).step() == 1
    source.store(change("/evil"))
    second = runner_on(state, events)
    assert second.step() == 1
    assert second.step() == 0
    (row,) = list_alerts(state)
    assert (row["count"], row["agent"], row["host"], row["opd"]) == (2, "agent1", "web1", "Dinas A")
    assert row["rule"] == RULE_ID + "0"


def test_an_experimental_rule_is_counted_only(
    state: StateStore, events: EventStore, source: Source
) -> None:
    source.store(change("/evil"))
    runner_on(state, events, "experimental").step()
    assert list_alerts(state) == []
    assert state.query("SELECT hits FROM rule") == [{"hits": 1}]


def test_what_the_collector_says_belongs_to_the_agent_it_speaks_of(
    state: StateStore, events: EventStore, tmp_path: Path
) -> None:
    state.execute(
        "INSERT INTO agent (id, host, opd, enrolled) VALUES ('agent7', 'db7', 'Dinas B', 1)"
    )
    subject = change("/evil", **{"ronda.subject.agent": "agent7"})
    for agent in ("collector", "agent9"):
        with closing(Source(tmp_path / "events", agent)) as source:
            source.store(subject)
    runner_on(state, events).step()
    places = sorted((row["agent"], row["host"], row["opd"]) for row in list_alerts(state))
    # An agent that speaks of another one speaks for itself only.
    assert places == [("agent7", "db7", "Dinas B"), ("agent9", "web1", "Dinas A")]


def test_one_poisonous_event_is_passed_over_and_written_down(
    state: StateStore, events: EventStore, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = runner_on(state, events)
    source.store(change("/evil/1"), change("/poison"), change("/evil/2"))
    detect = runner.engine.detect

    def fails(event: Mapping[str, object]) -> list[Detection]:
        if event["file.path"] == "/poison":
            raise RecursionError
        return detect(event)

    monkeypatch.setattr(runner.engine, "detect", fails)
    assert runner.step() == 3
    assert runner.step() == 0
    assert sorted(row["entity"] for row in list_alerts(state)) == ["/evil/1", "/evil/2"]
    (note,) = state.query("SELECT record FROM note")
    assert "agent1.1.2" in note["record"]
    assert "events_skipped" in note["record"]


def test_fields_that_cannot_be_read_stop_nobody(
    state: StateStore, events: EventStore, source: Source, tmp_path: Path
) -> None:
    source.store(change("/evil/1"), change("/evil/2"), change("/evil/3"))
    source.close()
    (path,) = (tmp_path / "events").glob("*.db")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE event SET fields = ? WHERE row = 1", ("[" * 3000,))
        database.execute("UPDATE event SET fields = '{\"x\": ' WHERE row = 2")
    runner = runner_on(state, events)
    assert runner.step() == 3
    assert [row["entity"] for row in list_alerts(state)] == ["/evil/3"]


def test_a_clock_in_the_future_does_not_pin_an_alert_on_top(
    state: StateStore, events: EventStore, tmp_path: Path
) -> None:
    now = time.time_ns()
    with closing(EventWriter(tmp_path / "events")) as writer:
        for number, observed in enumerate((0, 2**63 - 1), 1):
            fields = json.dumps(change(f"/evil/{number}"))
            new = NewEvent(number, observed, "file.change", 1, fields)
            writer.write([NewBatch("agent1", 1, "Dinas A", "web1", now, [new])], now)
    runner_on(state, events).step()
    assert sorted(row["last_seen"] for row in list_alerts(state)) == [0, now]


def test_detection_goes_on_behind_a_damage(
    state: StateStore, events: EventStore, source: Source, tmp_path: Path
) -> None:
    runner = runner_on(state, events)
    for number in range(40):
        source.store(*(change(f"/good/{number}/{n}" + "x" * 200) for n in range(100)))
    source.close()
    (path,) = (tmp_path / "events").glob("*.db")
    size = path.stat().st_size
    with path.open("r+b") as file:  # somewhere in the middle, a few pages
        file.seek(size // 2)
        file.write(b"\xff" * 16384)
    with pytest.raises(sqlite3.DatabaseError):
        list(iter(runner.step, 0))
    assert runner.pass_damage()
    total = 0
    while read := runner.step():
        total += read
    assert total >= 1000
    (note,) = state.query("SELECT record FROM note")
    assert "damaged" in note["record"]
    assert not runner.pass_damage()


def test_a_file_that_takes_a_damaged_ones_place_is_read_from_its_beginning(
    state: StateStore, events: EventStore, source: Source, tmp_path: Path
) -> None:
    source.store(*(change(f"/good/{number}") for number in range(50)))
    runner = runner_on(state, events)
    assert runner.step() == 50
    source.close()
    (path,) = (tmp_path / "events").glob("*.db")
    path.write_bytes(b"not a database" * 1000)
    with closing(Source(tmp_path / "events", "agent2")) as again:
        again.store(change("/evil"))
        assert runner.step() == 1
        again.store(change("/evil"))
        assert runner.step() == 1
    assert [row["count"] for row in list_alerts(state)] == [2]


_LOOP = """
import sys
from pathlib import Path
from server.alerts.model import Channel
from server.detect.engine import Engine
from server.detect.runner import Runner
from server.store.events import EventStore
from server.store.state import StateStore
from tests.server.detect.detect_samples import rule_set
root = Path(sys.argv[1])
state = StateStore.open(root / "state.db")
runner = Runner(state, EventStore(root / "events"), Engine(rule_set("evil")),
                channels=(Channel("chat"),))
print("ready", flush=True)
while True:
    runner.step(7)
"""


@pytest.mark.slow
def test_killed_at_any_moment_every_event_counts_exactly_once(
    state: StateStore, events: EventStore, source: Source, tmp_path: Path
) -> None:
    write_down(state, rule_set("evil"))
    roll = random.Random(7)
    total = 0
    for _ in range(5):
        command = [sys.executable, "-c", _LOOP, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            until = time.monotonic() + roll.uniform(0.1, 0.4)
            while time.monotonic() < until:
                source.store(*(change(f"/evil/{number}") for number in range(20)))
                total += 20
            os.kill(process.pid, signal.SIGKILL)
    runner = runner_on(state, events)
    while runner.step():
        pass
    rows = list_alerts(state)
    assert len(rows) == 20
    assert sum(row["count"] for row in rows) == total
    assert state.query("SELECT hits FROM rule") == [{"hits": total}]
    assert state.query("SELECT count(*) AS n FROM outbox") == [{"n": 20}]
