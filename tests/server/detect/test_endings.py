from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.alerts.queries import history_of, list_alerts
from server.detect.endings import ends
from server.detect.engine import Engine
from server.detect.rulebook import load_rules
from server.detect.runner import COLLECTOR, Runner
from server.store.events import EventStore
from server.store.state import StateStore
from signatures.sigma_load import EVENT_RULES
from tests.server.detect.detect_samples import Source

DUMP = "/var/www/html/dump.sql"


def finding(path: str = DUMP) -> dict[str, Any]:
    return {
        "ronda.kind": "exposure.finding",
        "file.path": path,
        "ronda.data.types": ["nik"],
        "ronda.data.count": 500,
        "ronda.data.reachable": "web_root",
    }


def cleared(path: str = DUMP) -> dict[str, Any]:
    return {"ronda.kind": "exposure.cleared", "file.path": path, "event.reason": "deleted"}


@pytest.fixture
def runner(state: StateStore, tmp_path: Path) -> Iterator[Runner]:
    with closing(EventStore(tmp_path / "events")) as events:
        yield Runner(state, events, Engine(load_rules([EVENT_RULES])))


def store(root: Path, *records: dict[str, Any], agent: str = "agent1") -> None:
    with closing(Source(root / "events", agent)) as source:
        source.store(*records)


@pytest.mark.parametrize(
    "event",
    [{}, {"event.action": "silent"}, {"event.action": "returned", "ronda.subject.agent": ["a"]}],
)
def test_what_ends_nothing(event: dict[str, Any]) -> None:
    assert ends("agent.silent", event) is None
    assert ends("file.change", {**event, "file.path": DUMP}) is None
    assert ends("exposure.cleared", event) is None


def test_another_file_or_agent_does_not_end_it(
    state: StateStore, runner: Runner, tmp_path: Path
) -> None:
    store(tmp_path, finding(), cleared("/var/www/html/other.sql"))
    store(tmp_path, cleared(), agent="agent2")
    runner.step()
    (row,) = list_alerts(state)
    assert [entry["action"] for entry in history_of(state, row["id"])] == ["opened"]


def test_a_file_that_is_gone_is_noted_once_and_the_alert_stays_open(
    state: StateStore, runner: Runner, tmp_path: Path
) -> None:
    store(tmp_path, finding(), cleared(), cleared())
    runner.step()
    (row,) = list_alerts(state)
    steps = [(entry["action"], entry["note"]) for entry in history_of(state, row["id"])]
    assert steps == [("opened", ""), ("gone", "deleted")]
    assert row["status"] == "open"


def test_an_agent_that_is_back_is_noted(state: StateStore, runner: Runner, tmp_path: Path) -> None:
    state.execute("INSERT INTO agent (id, host, opd, enrolled) VALUES ('agent7', 'h', 'B', 1)")
    subject = {"ronda.kind": "agent.silent", "ronda.subject.agent": "agent7", "event.start": 1}
    clone = {"ronda.kind": "agent.cloned", "ronda.subject.agent": "agent7"}
    store(tmp_path, subject, clone, {**subject, "event.action": "returned"}, agent=COLLECTOR)
    runner.step()
    actions = {
        row["title"]: [entry["action"] for entry in history_of(state, row["id"])]
        for row in list_alerts(state)
    }
    assert actions == {
        "Two machines use one identity": ["opened"],
        "Server no longer reports": ["opened", "returned"],
    }
