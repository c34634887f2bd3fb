"""Silence, return, clones and notes, against a real state database and writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from collectors.kinds import CollectorState
from server.config import StoreConfig
from server.fleet.agents import Health, Sign
from server.ingest.presence import Presence
from server.ingest.writer import WriterThread
from server.store.events import EventStore, EventWriter, StoredEvent
from server.store.query import parse_query
from server.store.state import StateStore
from tests.patience import until

SECOND = 10**9
START = 1_700_000_000 * SECOND
AFTER = 60 * SECOND


class Rig:
    """A clock, a state database and a store."""

    def __init__(self, directory: Path) -> None:
        self.now = START
        self.state = StateStore.open(directory / "state.db")
        self.writer = WriterThread(
            EventWriter(directory / "events"), StoreConfig(), disk=lambda: 1.0
        )
        self.writer.start()
        self.store = EventStore(directory / "events")
        self.presence = self.begin()

    def begin(self) -> Presence:
        return Presence(self.state, self.writer.report, after=AFTER, clock=lambda: self.now)

    def register(self, agent: str, opd: str = "dinkes") -> None:
        self.state.execute(
            "INSERT INTO agent (id, host, opd, enrolled) VALUES (?, 'web1', ?, ?)",
            (agent, opd, self.now),
        )

    def hear(self, agent: str, boot: str = "b1", host_id: str = "h1", last: int = 0) -> None:
        sign = Sign(
            agent=agent, at=self.now, sent=self.now - 2 * SECOND, address="10.0.0.1",
            host=f"web-{boot}", host_id=host_id, boot_id=boot, version="0.1.0", epoch=3, last=last,
        )  # fmt: skip
        self.presence.heard(sign, "dinkes")

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += SECOND
            self.presence.tick()

    def events(self, query: str) -> list[StoredEvent]:
        return self.store.search(parse_query(query), newest_first=False)

    def states(self) -> list[str]:
        return [
            event.fields.get("event.action", "silent") for event in self.events("kind=agent.silent")
        ]

    def close(self) -> None:
        self.writer.stop()
        self.store.close()
        self.state.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def test_nobody_is_silent_who_speaks(rig: Rig) -> None:
    rig.register("a")
    for _ in range(8):
        rig.hear("a")
        rig.pass_time(15)
    assert rig.states() == []


def test_silence_is_reported_once_and_so_is_the_return(rig: Rig) -> None:
    rig.register("a", "bkd")
    rig.hear("a")
    rig.pass_time(58)
    assert rig.states() == []
    rig.pass_time(60)
    assert rig.states() == ["silent"]
    rig.hear("a")
    rig.pass_time(2)
    assert rig.states() == ["silent", "returned"]
    (event, _) = rig.events("kind=agent.silent")
    assert (event.opd, event.agent, event.fields["ronda.subject.agent"]) == (
        "bkd",
        "collector",
        "a",
    )
    assert event.fields["event.start"] == START


def test_an_agent_that_never_spoke_is_silent_too(rig: Rig) -> None:
    rig.register("a")
    rig.pass_time(62)
    assert rig.states() == ["silent"]


def test_a_revoked_agent_may_be_silent(rig: Rig) -> None:
    rig.register("a")
    rig.state.execute("UPDATE agent SET revoked = 1")
    rig.pass_time(62)
    assert rig.states() == []


def test_agents_are_not_blamed_for_the_collectors_own_absence(rig: Rig) -> None:
    rig.register("a")
    rig.hear("a")
    rig.pass_time(1)
    rig.now += 3600 * SECOND  # suspended, or its clock was set
    rig.pass_time(50)
    assert rig.states() == []
    rig.now += 3600 * SECOND
    rig.presence = rig.begin()  # restarted
    rig.pass_time(50)
    assert rig.states() == []
    rig.pass_time(12)
    assert rig.states() == ["silent"]


def test_two_machines_with_one_identity(rig: Rig) -> None:
    rig.register("a")
    for boot in ("b1", "b2", "b3", "b3"):  # reboots
        rig.hear("a", boot)
    rig.pass_time(1)
    assert rig.events("kind=agent.cloned") == []
    for boot in ("b2", "b3", "b2"):
        rig.hear("a", boot)
    rig.pass_time(1)
    (event,) = until(lambda: rig.events("kind=agent.cloned"), "agent.cloned")
    assert (event.severity, event.opd) == (4, "dinkes")
    assert rig.state.query("SELECT cloned FROM agent") == [{"cloned": 1}]


def test_two_hosts_that_started_as_one_image(rig: Rig) -> None:
    rig.register("a")
    for host in ("h1", "h2", "h1"):
        rig.hear("a", host_id=host)
    until(lambda: rig.events("kind=agent.cloned"), "agent.cloned")


def test_what_is_known_about_an_agent(rig: Rig) -> None:
    rig.register("a")
    health = Health(pending=5, healthy=False, problems=["disk"], coverage={"files": {"n": 1}})
    rig.hear("a", last=9)
    rig.presence.heard(
        Sign(
            agent="a", at=rig.now, sent=rig.now - 2 * SECOND, address="10.0.0.1", host="web1",
            host_id="h1", boot_id="b1", version="0.2.0", epoch=3, last=4, health=health,
        ),
        "dinkes",
    )  # fmt: skip
    rig.pass_time(1)
    (row,) = rig.state.query("SELECT * FROM agent")
    assert (row["last_assigned"], row["pending"], row["healthy"]) == (9, 5, 0)
    assert (row["version"], row["skew"]) == ("0.2.0", -2.0)
    assert (row["problems"], row["coverage"]) == ('["disk"]', '{"files":{"n":1}}')
    assert rig.state.query("SELECT epoch, last_assigned FROM agent_epoch") == [
        {"epoch": 3, "last_assigned": 9}
    ]


def test_nothing_heard_is_forgotten_when_the_database_fails(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.register("a")
    rig.hear("a", last=9)
    rig.state.execute("ALTER TABLE agent_epoch RENAME TO away")
    with pytest.raises(sqlite3.OperationalError):
        rig.pass_time(1)
    rig.state.execute("ALTER TABLE away RENAME TO agent_epoch")
    rig.pass_time(1)
    assert rig.state.query("SELECT last_assigned FROM agent") == [{"last_assigned": 9}]


def test_notes_become_events(rig: Rig) -> None:
    record = CollectorState(action="role_crashed", reason="role detect ended")
    for note in (msgspec.json.encode(record).decode(), "nonsense", '{"ronda.kind":"x"}', "[]"):
        rig.state.execute("INSERT INTO note (at, record) VALUES (1, ?)", (note,))
    rig.pass_time(1)
    (event,) = rig.events("kind=collector.state")
    assert event.fields["event.reason"] == "role detect ended"
    assert rig.state.query("SELECT * FROM note") == []


def test_refusals_are_counted_not_repeated(rig: Rig) -> None:
    for _ in range(5):
        rig.presence.refused("a", "dinkes", "bad")
    rig.now += 61 * SECOND
    rig.presence.refused("a", "dinkes", "bad")
    found = until(
        lambda: events if len(events := rig.events("kind=ingest.rejected")) == 2 else None, "two"
    )
    assert [event.fields["ronda.ingest.count"] for event in found] == [1, 5]
