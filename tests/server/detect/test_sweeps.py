"""What must not happen: an alert about somebody who gets answers, or about the whole internet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.detect.engine import Engine
from server.detect.runner import Runner
from server.detect.sweeps import DAY, MAX_OF_ONE, Report, Sweeps, is_inside, report, sweep
from server.store.events import EventStore, StoredEvent
from server.store.state import StateStore
from signatures.sigma_load import load_texts
from tests.server.detect.detect_samples import Source

NOW = 10**18
HOUR = DAY // 24


def one(agent: str, failed: int = 1, answered: int = 0, **facts: Any) -> Report:
    known = Report("10.3.0.9", agent, f"web{agent}", NOW, NOW, failed, answered, (22,))
    return known._replace(**facts)


@pytest.mark.parametrize(
    "reports",
    [
        [one("1")],
        [one("1"), one("2")],
        [one("1"), one("1"), one("2"), one("2")],
        [one("1"), one("2"), one("3", 0, 5)],
        [one(n, 1, 2) for n in "123456"],
        [one(n, 1, 1) for n in "123456"],
        # A monitor that three hosts refuse, and more than three answer.
        [*(one(n, 9) for n in "123"), *(one(n, 0, 1) for n in "4567")],
    ],
)
def test_what_is_no_sweep(reports: list[Report]) -> None:
    assert sweep(reports) is None


def test_a_sweep() -> None:
    found = sweep([one("1"), one("2", ports=(445,)), one("3", 4), one("3", 1, begin=NOW - 5)])
    assert found is not None
    assert (found.hosts, found.failed, found.ports) == (3, 7, (22, 445))
    assert (found.names, found.inside, found.begin) == (("web1", "web2", "web3"), True, NOW - 5)


def test_a_host_that_was_taken_over_cannot_answer_for_the_others() -> None:
    found = sweep([one("1"), one("2"), one("3"), one("liar", 0, 1 << 31, host="x")])
    assert found is not None
    assert (found.hosts, found.failed, found.names) == (3, 3, ("web1", "web2", "web3"))


@pytest.mark.parametrize(
    ("address", "inside"),
    [("10.1.2.3", True), ("fd00::1", True), ("203.0.113.9", False), ("x", False), ("", False)],
)
def test_inside(address: str, inside: bool) -> None:
    assert is_inside(address) is inside


def contacts(agent: str, failed: Any = 2, **fields: Any) -> StoredEvent:
    known = {
        "ronda.kind": "network.contacts",
        "source.ip": "10.3.0.9",
        "ronda.contacts.failed": failed,
        "destination.port": [22, "x", -1, 1 << 70, True],
        "event.start": NOW - HOUR,
    }
    return StoredEvent(
        day="2026-11-24",
        row=1,
        agent=agent,
        epoch=1,
        sequence=1,
        observed=NOW,
        received=NOW,
        kind="network.contacts",
        severity=0,
        opd="Dinas A",
        host=agent,
        fields={**known, **fields},
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"source.ip": None},
        {"source.ip": 5},
        {"source.ip": "\x1b[2J"},
        {"source.ip": "\ud800"},
        {"source.ip": "x" * 5000},
        {"ronda.contacts.failed": "many"},
        {"ronda.contacts.failed": float("nan")},
    ],
)
def test_what_cannot_be_read(fields: dict[str, Any]) -> None:
    assert report(contacts("a", **fields)) is None


def test_an_agents_clock_moves_nothing() -> None:
    told = report(contacts("a", **{"event.start": NOW + 5, "destination.port": 7}))
    assert told is not None
    assert (told.begin, told.until, told.ports) == (NOW, NOW, ())


def tell(state: StateStore, at: int, *agents: str) -> list[dict[str, Any]]:
    with state.transaction():
        Sweeps(state).store([contacts(agent) for agent in agents], at)
    return [json.loads(row["record"]) for row in state.query("SELECT record FROM note")]


def test_told_once_and_again_when_it_doubles(state: StateStore) -> None:
    assert tell(state, NOW, "a") == tell(state, NOW, "b") == []
    assert len(tell(state, NOW, "c")) == 1
    assert len(tell(state, NOW + HOUR, "d", "e")) == 1
    (_, second) = tell(state, NOW + HOUR, "f")
    assert (second["ronda.kind"], second["ronda.fleet.hosts"]) == ("network.sweep", 6)


def test_no_host_pushes_out_what_others_tell(state: StateStore) -> None:
    tell(state, NOW, "a", "b")
    book = Sweeps(state)
    flood = [
        *(contacts("liar", **{"source.ip": f"10.9.{n >> 8}.{n & 255}"}) for n in range(3000)),
        *(contacts("liar") for _ in range(1500)),
    ]
    with state.transaction():
        book.store(flood, NOW + 1)
    (row,) = state.query("SELECT count(*) AS rows FROM network_contact WHERE agent = 'liar'")
    assert row["rows"] == MAX_OF_ONE
    with state.transaction():
        book.store([contacts("c")], NOW + 2)
    notes = [json.loads(row["record"]) for row in state.query("SELECT record FROM note")]
    assert notes[-1]["ronda.fleet.hosts"] >= 3


def test_the_noise_of_the_internet_pushes_out_nothing_inside(
    state: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.detect.sweeps.MAX_ROWS", 100)
    tell(state, NOW, "a", "b")
    noise = [contacts("p", **{"source.ip": f"203.0.{n >> 8}.{n & 255}"}) for n in range(2000)]
    with state.transaction():
        Sweeps(state).store(noise, NOW + 1)
    (row,) = state.query("SELECT count(*) AS rows FROM network_contact")
    assert row["rows"] == 102
    assert len(tell(state, NOW + 2, "c")) == 1


def test_a_day_later_it_is_another(state: StateStore) -> None:
    tell(state, NOW, "a", "b")
    with state.transaction():
        later = [contacts("c")]
        Sweeps(state).store(later, NOW + DAY + 1)
    assert list(state.query("SELECT * FROM note")) == []
    (row,) = state.query("SELECT count(*) AS rows FROM network_contact")
    assert row["rows"] == 0, "what is older than a day is forgotten"


@pytest.fixture
def runner(state: StateStore, tmp_path: Path) -> Iterator[Runner]:
    folder = Path(__file__).parents[3] / "signatures/sigma/event"
    rules = load_texts({"network_sweep.yml": (folder / "network_sweep.yml").read_text()})
    with closing(EventStore(tmp_path / "events")) as events:
        yield Runner(state, events, Engine(rules))


def test_through_the_runner(state: StateStore, runner: Runner, tmp_path: Path) -> None:
    for agent in "abc":
        with closing(Source(tmp_path / "events", agent)) as source:
            source.store({**contacts(agent).fields})
        runner.step()
    (row,) = state.query("SELECT record FROM note")
    with closing(Source(tmp_path / "events", "collector")) as source:
        source.store(json.loads(row["record"]))
    runner.step()
    (alert,) = state.query("SELECT entity FROM alert")
    assert alert["entity"] == "10.3.0.9"
