"""Questions over real day files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.store import files
from server.store.events import EventStore, EventWriter, NewBatch, NewEvent
from server.store.file_query import Question, on_host, path_is
from server.store.query import EventQuery, Sql

DAY = 86_400 * 10**9
T0 = 20_000 * DAY
EVERYTHING = Question(EventQuery(), ())
A = Question(EventQuery(), (path_is("/a"),))


def change(sequence: int, observed: int, path: str, action: str, **fields: Any) -> NewEvent:
    record = {"file.path": path, "event.action": action, "ronda.kind": "file.change"}
    record |= {name.replace("__", "."): value for name, value in fields.items()}
    return NewEvent(sequence, observed, str(record["ronda.kind"]), 1, json.dumps(record))


def store(directory: Path, day: int, *events: NewEvent, agent: str = "one", epoch: int = 1) -> None:
    with closing(EventWriter(directory)) as writer:
        batch = NewBatch(agent, epoch, "opd", f"host-{agent}", T0 + day * DAY, events)
        writer.write([batch], T0 + day * DAY)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[EventStore]:
    with closing(EventStore(tmp_path)) as opened:
        yield opened


def test_nothing_is_found_where_nothing_is(reader: EventStore) -> None:
    assert files.find(reader, A, None, None, limit=5) == ([], False, False)
    assert files.changed_paths(reader, EVERYTHING, None, None, limit=5) == ([], False, False)
    assert files.last_states(reader, [("one", "/a")], 0) == {}


def test_time_that_runs_out_is_told_and_takes_nothing_away(
    tmp_path: Path, reader: EventStore
) -> None:
    events = [change(n, T0 + n, f"/{n}", "created") for n in range(1, 20_001)]
    store(tmp_path, 0, *events)
    assert files.find(reader, A, None, None, limit=5, timeout=-1).stopped
    assert files.changed_paths(reader, EVERYTHING, None, None, limit=5, timeout=-1).stopped
    assert files.last_states(reader, [("one", "/1")], 0, timeout=-1) is None
    assert not files.find(reader, A, None, None, limit=5).stopped


def test_the_newest_of_all_days_come_first(tmp_path: Path, reader: EventStore) -> None:
    store(tmp_path, 0, change(1, T0 + 1, "/a", "created"), change(2, T0 + 2, "/b", "created"))
    # Late: it arrived a day after it was seen.
    store(tmp_path, 1, change(3, T0 + DAY, "/a", "modified"), change(4, T0, "/a", "attributes"))
    found = files.find(reader, A, None, None, limit=2)
    assert [event.sequence for event in found.events] == [3, 1]
    assert found.more
    since = files.find(reader, A, T0 + 1, T0 + DAY, limit=2)
    assert [event.sequence for event in since.events] == [1]
    elsewhere = Question(EventQuery(), (path_is("/a"), on_host("host-two")))
    assert not files.find(reader, elsewhere, None, None, limit=2).events
    for name in ("HOST-ONE", "one"):
        here = Question(EventQuery(), (path_is("/a"), on_host(name)))
        assert len(files.find(reader, here, None, None, limit=9).events) == 3


def test_counts_are_added_over_days_and_the_last_is_last_by_sequence(
    tmp_path: Path, reader: EventStore
) -> None:
    store(
        tmp_path,
        0,
        change(1, T0 + 5, "/a", "created"),
        change(2, T0 + 5, "/a", "modified"),
        change(3, T0 + 6, "/b", "created"),
        change(9, T0 + 9, "/a", "found", ronda__kind="exposure.finding"),
    )
    # The clock of the host was set back.
    store(tmp_path, 1, change(10, T0 + 4, "/a", "deleted"), change(11, T0 + 7, "/c", "created"))
    found = files.changed_paths(reader, EVERYTHING, None, None, limit=9)
    assert [one.event.fields["file.path"] for one in found.paths] == ["/c", "/b", "/a"]
    last = found.paths[2]
    assert last.event.fields["event.action"] == "deleted"
    assert (last.first, last.last) == (T0 + 4, T0 + 5)
    assert last.counts == {
        "changes": 3, "created": 1, "modified": 1, "attributes": 0, "deleted": 1,
    }  # fmt: skip
    first = files.changed_paths(reader, EVERYTHING, None, None, limit=1)
    assert [one.event.fields["file.path"] for one in first.paths] == ["/c"]
    assert first.more


def test_paths_beyond_the_bound_are_told(
    tmp_path: Path, reader: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_PATHS", 2)
    store(tmp_path, 0, *(change(n, T0 + n, f"/{n}", "created") for n in (1, 2, 3)))
    found = files.changed_paths(reader, EVERYTHING, None, None, limit=9)
    assert [one.event.sequence for one in found.paths] == [3, 2]
    assert found.more


def test_masked_paths_that_look_alike_are_counted_apart(tmp_path: Path, reader: EventStore) -> None:
    store(
        tmp_path,
        0,
        change(1, T0 + 1, "/ktp_32**", "created", ronda__path__token="a" * 32),
        change(2, T0 + 2, "/ktp_32**", "created", ronda__path__token="b" * 32),
    )
    found = files.changed_paths(reader, EVERYTHING, None, None, limit=9)
    assert [one.counts["changes"] for one in found.paths] == [1, 1]


def test_the_last_state_is_the_agents_own(tmp_path: Path, reader: EventStore) -> None:
    store(tmp_path, 0, change(1, T0 + 1, "/a", "created", file__hash__sha256="aa"))
    store(tmp_path, 0, change(7, T0 + 2, "/a", "deleted"), agent="two")
    store(
        tmp_path, 1, change(2, T0 + 3, "/a", "", ronda__kind="exposure.cleared", event__reason="x")
    )
    found = files.last_states(reader, [("one", "/a"), ("two", "/a"), ("two", "/b")], 0)
    assert found is not None
    assert {key: last.action for key, last in found.items()} == {
        ("one", "/a"): "",
        ("two", "/a"): "deleted",
    }
    assert files.last_states(reader, [("one", "/a")], T0 + 4) == {}


def test_a_day_file_that_goes_away_meanwhile_is_passed_over(
    tmp_path: Path, reader: EventStore
) -> None:
    store(tmp_path, 0, change(1, T0 + 1, "/a", "created"))
    store(tmp_path, 1, change(2, T0 + DAY, "/a", "modified"))
    next(tmp_path.glob("*.db")).unlink()
    condition = Question(EventQuery(), (Sql("agent = ?", ["one"]),))
    assert len(files.changed_paths(reader, condition, None, None, limit=9).paths) == 1
