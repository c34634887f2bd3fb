"""What must not happen: the fleet's update server called an implant; an agent judging itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.detect.engine import Engine
from server.detect.runner import Runner
from server.detect.spread import (
    DAY,
    MAX_DESTINATIONS,
    WEEK,
    Seen,
    Spread,
    destination_of,
    spread,
    talked_to,
)
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


def flow(agent: str, **fields: Any) -> StoredEvent:
    """A conversation with what `beacon` calls, or with something else."""
    known: dict[str, Any] = {
        "ronda.kind": "network.flow", "network.direction": "outbound", "destination.port": 443,
        "destination.ip": "203.0.113.9", "source.bytes": 900, "destination.bytes": 4000,
    }  # fmt: skip
    known |= {name.replace("_", "."): value for name, value in fields.items()}
    return msgspec.structs.replace(beacon(agent), kind=known["ronda.kind"], fields=known)


@pytest.mark.parametrize(
    "fields",
    [
        {"network_direction": "inbound"},
        {"destination_bytes": 0},
        {"destination_ip": "10.1.2.3"},
        {"destination_ip": 7},
        {"destination_ip": "nobody"},
        {"destination_port": "443"},
        {"destination_port": None},
        {"ronda_kind": "network.service"},
        {"ronda_kind": "file.change"},
    ],
)
def test_what_is_no_conversation_of_ours(fields: dict[str, Any]) -> None:
    event = flow("a", **fields)
    expected = "nobody:443" if fields.get("destination_ip") == "nobody" else None
    assert talked_to(event.kind, event.fields) == expected


def test_conversations_count_whether_regular_or_not(state: StateStore) -> None:
    book = Spread(state)
    called = beacon("a", "203.0.113.9:443")

    def step(at: int, *events: StoredEvent) -> None:
        with state.transaction():
            book.store(book.judge(events, NOW + at))

    step(0, flow("b"), flow("b"), flow("c", destination_port=8443), flow("d", ronda_kind="x.y"))
    named = flow("e", ronda_kind="network.service", destination_domain="CDN.example")
    step(DAY, named, called)
    assert [called.fields[f"ronda.fleet.{name}"] for name in ("hosts", "spread", "since")] == [
        2, "shared", NOW,
    ]  # fmt: skip
    # A name is counted by its name, and what is in the same chunk, too.
    other = beacon("a")
    step(DAY, flow("f", ronda_kind="network.service", destination_domain="cdn.example"), other)
    assert (other.fields["ronda.fleet.hosts"], other.fields["ronda.fleet.since"]) == (3, NOW + DAY)
    # Nobody else for a week: seen long ago, and alone.
    late = beacon("a", "203.0.113.9:443")
    step(WEEK + 1, late)
    assert (late.fields["ronda.fleet.spread"], late.fields["ronda.fleet.since"]) == ("single", NOW)


def test_what_all_talk_to_is_no_implant(state: StateStore) -> None:
    book = Spread(state)
    with state.transaction():
        book.store(book.judge([flow(agent) for agent in "bcdefg"], NOW))
    first = beacon("a", "203.0.113.9:443")
    book.judge([first], NOW)
    assert (first.fields["ronda.fleet.hosts"], first.fields["ronda.fleet.spread"]) == (7, "common")


def test_a_busy_peer_is_written_once_a_day(state: StateStore) -> None:
    book = Spread(state)
    written = 0
    for hour in range(49):
        found = book.judge([flow("a")] * 3, NOW + hour * DAY // 24)
        with state.transaction():
            book.store(found)
        written += len(found)
    assert written == 3


def test_what_was_rolled_back_is_written_again(state: StateStore) -> None:
    book = Spread(state)
    for _ in range(2):
        found = book.judge([flow("a")], NOW)
        assert len(found) == 1
        with pytest.raises(RuntimeError):
            _store_and_fail(book, state, found)


def _store_and_fail(book: Spread, state: StateStore, found: list[Seen]) -> None:
    with state.transaction():
        book.store(found)
        raise RuntimeError


def test_in_one_chunk(state: StateStore) -> None:
    events = [beacon(agent) for agent in ("a", "b", "a", "c")]
    Spread(state).judge([*events, beacon("d", "lain.example:443")], NOW)
    assert [event.fields["ronda.fleet.hosts"] for event in events] == [1, 2, 2, 3]


def test_an_agent_fills_no_disk(state: StateStore) -> None:
    book = Spread(state)
    many = [beacon("a", f"x{n}.example") for n in range(MAX_DESTINATIONS + 50)]
    with state.transaction():
        book.store(book.judge(many, NOW))
    (row,) = state.query("SELECT count(*) AS rows FROM network_peer")
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
