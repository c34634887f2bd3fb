"""What is exposed now, from real day files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.store import exposures
from server.store.events import EventStore, EventWriter, NewBatch, NewEvent
from server.store.query import Sql

DAY = 86_400 * 10**9
T0 = 20_000 * DAY


def told(sequence: int, kind: str, path: str = "/a", **fields: Any) -> NewEvent:
    record = {"file.path": path, "ronda.kind": kind}
    record |= {name.replace("__", "."): value for name, value in fields.items()}
    return NewEvent(sequence, T0 + sequence, kind, fields.pop("severity", 3), json.dumps(record))


def finding(sequence: int, path: str = "/a", **fields: Any) -> NewEvent:
    return told(sequence, "exposure.finding", path, **{"ronda__data__types": ["nik"], **fields})


def store(directory: Path, day: int, *events: NewEvent, agent: str = "one", epoch: int = 1) -> None:
    with closing(EventWriter(directory)) as writer:
        batch = NewBatch(agent, epoch, f"opd-{agent}", f"host-{agent}", T0 + day * DAY, events)
        writer.write([batch], T0 + day * DAY)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[EventStore]:
    with closing(EventStore(tmp_path)) as opened:
        yield opened


def test_what_was_never_found_is_no_exposure(tmp_path: Path, reader: EventStore) -> None:
    strange = told(4, "exposure.finding", "/x")
    strange = strange._replace(fields=json.dumps({"file.path": None}))
    store(
        tmp_path,
        0,
        told(1, "exposure.cleared", event__reason="deleted"),
        told(2, "exposure.incomplete", "/b", ronda__scan__outcome="damaged"),
        told(3, "file.change", "/c"),
        strange,
    )
    assert exposures.known(reader).exposures == []


def test_what_was_cleared_is_no_longer_there_and_what_came_back_is(
    tmp_path: Path, reader: EventStore
) -> None:
    gone = told(2, "exposure.cleared", event__reason="deleted")
    store(tmp_path, 0, finding(1), gone)
    (one,) = exposures.known(reader).exposures
    assert (one.present, one.end, one.ended) == ("no", "deleted", T0 + 2)
    assert (one.first, one.last) == (T0 + 1, T0 + 1)
    store(tmp_path, 1, finding(3), finding(5, ronda__data__types=["nik", "kk"]))
    (again,) = exposures.known(reader).exposures
    assert (again.present, again.first, again.last, again.ended) == ("yes", T0 + 3, T0 + 5, None)
    assert (again.types, again.id) == (("nik", "kk"), one.id)
    store(tmp_path, 1, told(6, "exposure.incomplete", ronda__scan__outcome="timed_out"))
    (unknown,) = exposures.known(reader).exposures
    assert (unknown.present, unknown.end) == ("unknown", "timed_out")


def test_the_order_of_an_agent_counts_and_not_its_clock(tmp_path: Path, reader: EventStore) -> None:
    early = told(9, "exposure.cleared", event__reason="clean")._replace(observed=T0 - 10**12)
    store(tmp_path, 0, early, finding(2))
    assert [one.present for one in exposures.known(reader).exposures] == ["no"]
    store(tmp_path, 0, finding(1), epoch=2)  # the spool was made anew
    assert [one.present for one in exposures.known(reader).exposures] == ["yes"]


def test_the_gravest_first_with_conditions_and_findings(tmp_path: Path, reader: EventStore) -> None:
    store(tmp_path, 0, finding(1, "/a"), finding(2, "/b", severity=4, ronda__data__count=7))
    store(tmp_path, 0, finding(1, "/a"), agent="two")
    found = exposures.known(reader).exposures
    assert next((one.host, one.path) for one in found) == ("host-one", "/b")
    assert len({one.id for one in found}) == 3
    only = exposures.known(reader, [Sql("opd = ?", ["opd-two"])]).exposures
    assert [(one.opd, one.path) for one in only] == [("opd-two", "/a")]
    pairs = {one.path: event for one, event in exposures.with_findings(reader, found[:1])}
    assert pairs["/b"].fields["ronda.data.count"] == 7


def test_findings_are_found_by_an_index(tmp_path: Path, reader: EventStore) -> None:
    store(tmp_path, 0, finding(1))
    asked: list[str] = []
    begin = reader.begin

    def note(day: str, sql: str, params: list[Any]) -> Any:
        asked.append(sql)
        return begin(day, sql, params)

    reader.begin = note  # type: ignore[method-assign]
    exposures.known(reader, [Sql("opd = ? COLLATE NOCASE", ["opd-one"])])
    (path,) = tmp_path.glob("*.db")
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {asked[-1]}", ["x"]).fetchall()
    assert "event_exposure" in str(plan)


def test_masked_paths_with_other_tokens_are_other_files() -> None:
    ids = {exposures.identify("a", "/x", token) for token in (None, "t1", "t2")}
    assert len(ids) == 3
