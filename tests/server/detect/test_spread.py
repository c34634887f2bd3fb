"""What must not happen: the fleet's update server called an implant; an agent judging itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from server.detect.engine import Engine
from server.detect.runner import Runner
from server.detect.spread import MAX_DESTINATIONS, WEEK, Spread, destination_of, spread
from server.store.events import EventStore, StoredEvent
from server.store.state import StateStore
from signatures.sigma_load import load_texts
from tests.server.detect.detect_samples import Source

NOW = 10**18


def beacon(agent: str, name: str = "cdn.example:443", **fields: Any) -> StoredEvent:
    known = {"ronda.kind": "network.finding", "rule.name": "beacon", "ronda.finding.entity": name}
    return StoredEvent(
        day="2026-11-24",
        row=1,
        agent=agent,
        epoch=1,
        sequence=1,
        observed=NOW,
        received=NOW,
        kind="network.finding",
        severity=2,
        opd="Dinas A",
        host=agent,
        fields={**known, **fields},
    )


@pytest.mark.parametrize(
    ("hosts", "fleet", "said"),
    [
        (1, 1, "single"),
        (1, 500, "single"),
        (2, 2, "shared"),
        (4, 4, "shared"),
        (5, 5, "common"),
        (5, 8, "common"),
        (5, 9, "shared"),
        (300, 500, "common"),
        (20, 500, "shared"),
    ],
)
def test_how_far(hosts: int, fleet: int, said: str) -> None:
    assert spread(hosts, fleet) == said


def test_what_is_no_beacon() -> None:
    assert destination_of({}) is None
    assert destination_of({"rule.name": "scan.trw", "ronda.finding.entity": "x"}) is None
    assert destination_of({"rule.name": "beacon", "ronda.finding.entity": 5}) is None
    assert destination_of({"rule.name": "beacon", "destination.ip": "203.0.113.9"}) == "203.0.113.9"


def test_nobody_says_it_of_himself(state: StateStore) -> None:
    claim: dict[str, Any] = {"ronda.fleet.spread": "common", "ronda.fleet.hosts": 900}
    one = beacon("a", **claim)
    other = beacon("a", **claim, **{"rule.name": "exfil.slow"})
    Spread(state).judge([one, other], NOW)
    assert (one.fields["ronda.fleet.spread"], one.fields["ronda.fleet.hosts"]) == ("single", 1)
    assert "ronda.fleet.spread" not in other.fields


def test_hosts_are_counted_once_and_for_a_week(state: StateStore) -> None:
    book = Spread(state)
    said = []
    for agent, at in (("a", 0), ("a", 1), ("b", 2), ("a", 3), ("c", WEEK + 2)):
        event = beacon(agent)
        with state.transaction():
            book.store(book.judge([event], NOW + at))
        said.append(event.fields["ronda.fleet.hosts"])
    # At last a still counts, told 3 ns later than what is a week old; b does not.
    assert said == [1, 1, 2, 2, 2]


def test_in_one_chunk(state: StateStore) -> None:
    events = [beacon(agent) for agent in ("a", "b", "a", "c")]
    Spread(state).judge([*events, beacon("d", "lain.example:443")], NOW)
    assert [event.fields["ronda.fleet.hosts"] for event in events] == [1, 2, 2, 3]


def test_an_agent_fills_no_disk(state: StateStore) -> None:
    book = Spread(state)
    many = [beacon("a", f"x{n}.example") for n in range(MAX_DESTINATIONS + 50)]
    with state.transaction():
        book.store(book.judge(many, NOW))
    (row,) = state.query("SELECT count(*) AS rows FROM network_beacon")
    assert row["rows"] == MAX_DESTINATIONS


@pytest.fixture
def alerts(state: StateStore, tmp_path: Path) -> Iterator[Any]:
    folder = Path(__file__).parents[3] / "signatures/sigma/event"
    names = ("network_beacon.yml", "network_beacon_shared.yml")
    rules = load_texts({name: (folder / name).read_text() for name in names})
    with ExitStack() as stack:
        events = stack.enter_context(closing(EventStore(tmp_path / "events")))
        runner = Runner(state, events, Engine(rules))

        def tell(*agents: str) -> list[tuple[str, str]]:
            for agent in agents:
                with closing(Source(tmp_path / "events", agent)) as source:
                    source.store({**beacon(agent).fields, "event.severity": 2})
                runner.step()
            rows = state.query("SELECT title, agent FROM alert ORDER BY id")
            return [(row["title"], row["agent"]) for row in rows]

        yield tell


def test_the_second_host_raises_it(alerts: Any) -> None:
    assert [agent for _, agent in alerts("a")] == ["a"]
    (_, (title, agent)) = alerts("b")
    assert (title, agent) == (
        "Several servers call the same outside address regularly",
        "b",
    )


def test_what_all_call_is_quiet(alerts: Any, state: StateStore) -> None:
    told = alerts("a", "b", "c", "d", "e", "f", "g")
    assert [agent for _, agent in told] == ["a", "b", "c", "d"]
