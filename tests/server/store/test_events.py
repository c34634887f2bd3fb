"""Day files: written once each, read in order, removed by the day."""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.ledger import Ledger
from server.store import days
from server.store.events import (
    Cursor,
    EventStore,
    EventWriter,
    NewBatch,
    NewEvent,
    NewSkip,
    SearchTimeout,
    StoredEvent,
    StoreFull,
)
from server.store.query import EventQuery, parse_query
from server.store.writer import retention_limit, runs

DAY = 86_400 * 10**9
NOON = 20_000 * DAY + DAY // 2


def new(sequence: int, observed: int | None = None, text: str = "x") -> NewEvent:
    moment = sequence if observed is None else observed
    return NewEvent(sequence, moment, "file.change", 1, f'{{"file.path":"{text}"}}')


def batch(*sequences: int, agent: str = "a", epoch: int = 1, opd: str = "dinkes") -> NewBatch:
    return NewBatch(agent, epoch, opd, "web1", NOON, [new(number) for number in sequences])


def sequences(events: list[StoredEvent]) -> list[int]:
    return [event.sequence for event in events]


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[EventWriter]:
    opened = EventWriter(tmp_path / "events")
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = EventStore(tmp_path / "events")
    yield opened
    opened.close()


def test_no_event_is_stored_twice(writer: EventWriter, store: EventStore) -> None:
    first = writer.write([batch(1, 2, 3), batch(2, 3, 4), batch(4, 4)], NOON)
    again = writer.write([batch(1, 2, 3, 4, 5)], NOON)
    assert [answer.stored for answer in first] == [3, 1, 0]
    assert [answer.acknowledged for answer in first + again] == [4, 4, 4, 5]
    assert sequences(store.read(None, 100)) == [1, 2, 3, 4, 5]


def test_an_urgent_batch_is_not_acknowledged_before_what_precedes_it(
    writer: EventWriter, store: EventStore
) -> None:
    assert writer.write([batch(7)], NOON)[0].acknowledged == 0
    assert writer.write([batch(1, 2, 3)], NOON)[0].acknowledged == 3
    assert writer.write([batch(4, 5, 6, 7, 8)], NOON)[0].acknowledged == 8
    assert sequences(store.read(None, 100)) == [7, 1, 2, 3, 4, 5, 6, 8]


def test_skipped_sequences_are_acknowledged_and_remembered(
    tmp_path: Path, writer: EventWriter, store: EventStore
) -> None:
    skip = NewSkip(2, 4, "spool_full", 1)
    written = writer.write([batch(1, 5)._replace(skipped=[skip])], NOON)
    assert written[0].acknowledged == 5
    (report,) = Ledger.load(store.ranges()).report()
    assert [(gap.first, gap.last, gap.cause) for gap in report.gaps] == [(2, 4, "spool_full")]
    writer.close()
    again = EventWriter(tmp_path / "events")
    assert again.ledger.report() == [report]
    again.close()


def test_epochs_and_agents_are_apart(writer: EventWriter) -> None:
    many = [batch(1, 2), batch(1, epoch=2), batch(1, 2, 3, agent="b")]
    assert [answer.acknowledged for answer in writer.write(many, NOON)] == [2, 1, 3]


def test_a_restart_forgets_nothing(tmp_path: Path, writer: EventWriter, store: EventStore) -> None:
    writer.write([batch(1, 2)], NOON)
    writer.write([batch(4)], NOON + DAY)
    writer.close()
    again = EventWriter(tmp_path / "events")
    assert again.write([batch(1, 2, 3, 4, 5)], NOON + 2 * DAY)[0] == (5, 2)
    again.close()
    assert store.days() == ["2024-10-04", "2024-10-05", "2024-10-06"]
    assert sequences(store.read(None, 100)) == [1, 2, 4, 3, 5]


def test_ranges_stay_few(writer: EventWriter, store: EventStore) -> None:
    for start in range(1, 200, 2):
        writer.write([batch(start, start + 1)], NOON)
    assert len(store.ranges()) == 1


def test_a_clock_that_goes_back_does_not_reopen_yesterday(
    writer: EventWriter, store: EventStore
) -> None:
    writer.write([batch(1)], NOON + DAY)
    cursor = store.end()
    writer.write([batch(2)], NOON)
    assert sequences(store.read(cursor, 10)) == [2]
    assert store.days() == ["2024-10-05"]


def test_a_full_disk_stores_nothing_and_breaks_nothing(
    tmp_path: Path, writer: EventWriter, store: EventStore
) -> None:
    writer.write([batch(1, 2)], NOON)
    connection = writer._connection
    assert connection is not None
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    big = NewBatch("a", 1, "dinkes", "web1", NOON, [new(n, text="y" * 900) for n in range(3, 99)])
    with pytest.raises(StoreFull):
        writer.write([big], NOON)
    assert writer.ledger.acknowledged("a", 1) == 2
    assert sequences(store.read(None, 500)) == [1, 2]
    # The writer has begun a new connection, without the test's limit.
    assert writer.write([big], NOON)[0].acknowledged == 98
    writer.close()
    again = EventWriter(tmp_path / "events")
    assert again.ledger.acknowledged("a", 1) == 98
    again.close()


def test_a_damaged_file_is_set_aside(tmp_path: Path, writer: EventWriter) -> None:
    writer.write([batch(1, 2)], NOON)
    writer.write([batch(3)], NOON + DAY)
    writer.close()
    path = tmp_path / "events" / "2024-10-04.db"
    path.write_bytes(b"not a database" * 1000)
    again = EventWriter(tmp_path / "events")
    assert again.ledger.acknowledged("a", 1) == 0
    assert again.write([batch(1, 2)], NOON + DAY)[0].acknowledged == 3
    again.close()
    assert path.with_name("2024-10-04.db.damaged-1").exists()
    assert not path.exists()


def test_retention_keeps_what_was_settled(
    tmp_path: Path, writer: EventWriter, store: EventStore
) -> None:
    writer.write([batch(1, 2)._replace(skipped=[NewSkip(3, 3, "spool_full", 2)])], NOON)
    writer.write([batch(4)], NOON + DAY)
    writer.write([batch(5)], NOON + 2 * DAY)
    assert sequences(store.read(None, 100)) == [1, 2, 4, 5]
    assert writer.drop_before("2024-10-06", NOON + 2 * DAY) == ["2024-10-04", "2024-10-05"]
    assert writer.drop_before("2099-01-01", NOON + 2 * DAY) == []
    assert sequences(store.read(None, 100)) == [5]
    assert sequences(store.read(Cursor("2024-10-04", 1), 100)) == [5]
    assert writer.write([batch(1, 2, 4)], NOON + 2 * DAY)[0] == (5, 0)
    writer.close()
    again = EventWriter(tmp_path / "events")
    (report,) = again.ledger.report()
    assert (report.acknowledged, report.received, report.dropped, report.lost) == (5, 4, 1, 0)
    again.close()
    assert sorted(os.listdir(tmp_path / "events")) == ["2024-10-06.db", "2024-10-06.db-shm",
                                                       "2024-10-06.db-wal"]  # fmt: skip


def test_a_clock_set_forward_removes_nothing_on_the_first_day(
    tmp_path: Path, writer: EventWriter
) -> None:
    for number in range(3):
        writer.write([batch(number + 1)], NOON + number * DAY)
    later = NOON + 400 * DAY
    assert writer.drop_before(retention_limit(later, 365), later) == []
    # Set right again: what is due by the right clock goes.
    assert writer.drop_before(retention_limit(NOON + 2 * DAY, 1), NOON + 2 * DAY) == ["2024-10-04"]
    # It stays so: the clock was right, the collector was away.
    later += DAY
    assert len(writer.drop_before(retention_limit(later, 365), later)) == 2
    assert len(days.list_days(tmp_path / "events")) == 2


def test_retention_limit_keeps_whole_days() -> None:
    assert retention_limit(NOON, 2) == "2024-10-02"


def test_files_are_private(tmp_path: Path, writer: EventWriter) -> None:
    writer.write([batch(1)], NOON)
    assert (tmp_path / "events").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "events" / "2024-10-04.db").stat().st_mode & 0o777 == 0o600


def test_a_reader_cannot_write(tmp_path: Path, writer: EventWriter) -> None:
    writer.write([batch(1)], NOON)
    reader = days.open_reader(tmp_path / "events" / "2024-10-04.db")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM event")
    reader.close()


def test_a_reader_waits_for_a_file_that_is_not_complete(
    tmp_path: Path, writer: EventWriter, store: EventStore
) -> None:
    writer.write([batch(1)], NOON)
    (tmp_path / "events" / "2024-10-05.db").touch()
    writer_of_later = days.open_writer(tmp_path / "events" / "2024-10-06.db")
    writer_of_later.execute(days.INSERT, ("a", 1, 3, 0, 0, "k", 0, "o", "h", "{}"))
    writer_of_later.close()
    assert sequences(store.read(None, 10)) == [1]


def test_read_pages_across_days(writer: EventWriter, store: EventStore) -> None:
    for day in range(4):
        writer.write([batch(*range(day * 10 + 1, day * 10 + 11))], NOON + day * DAY)
    cursor, seen = None, []
    while page := store.read(cursor, 7):
        seen += page
        cursor = page[-1].cursor
    assert sequences(seen) == list(range(1, 41))
    assert cursor == store.end()


def test_collector_vouches_for_identity(writer: EventWriter, store: EventStore) -> None:
    forged = '{"agent.id":"b","organization.name":"other","host.name":"dc","event.id":"b.1.1"}'
    event = NewEvent(1, 5, "file.change", 1, forged)
    writer.write([NewBatch("a", 1, "dinkes", "web1", NOON, [event])], NOON)
    (stored,) = store.read(None, 1)
    assert stored.fields == {
        "agent.id": "a",
        "organization.name": "dinkes",
        "host.name": "web1",
        "event.id": "a.1.1",
        "event.ingested": NOON,
        "ronda.epoch": 1,
    }
    assert store.search(parse_query("opd=other")) == []
    assert store.search(parse_query("", opds=["other"])) == []
    assert len(store.search(parse_query("", opds=["dinkes"]))) == 1


def test_get(writer: EventWriter, store: EventStore) -> None:
    writer.write([batch(1, 2)], NOON)
    found = store.get("a.1.2")
    assert found is not None
    assert found.id == "a.1.2"
    assert store.get("a.1.3") is None
    assert store.get(f"a.1.{2**70}") is None


def test_empty_store(store: EventStore) -> None:
    assert store.days() == []
    assert store.read(None, 5) == []
    assert store.end() is None
    assert store.get("a.1.1") is None
    assert store.search(EventQuery()) == []


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    moments=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=20),
    page=st.integers(1, 6),
    newest_first=st.booleans(),
    between=st.tuples(st.sampled_from([None, 2, 5]), st.sampled_from([None, 4, 9])),
)
def test_search_pages_in_order_of_observation(
    tmp_path_factory: pytest.TempPathFactory,
    moments: list[tuple[int, int]],
    page: int,
    newest_first: bool,
    between: tuple[int | None, int | None],
) -> None:
    since, until = between
    directory = tmp_path_factory.mktemp("events")
    writer, store = EventWriter(directory), EventStore(directory)
    numbers = itertools.count(1)
    for day, observed in sorted(moments, key=lambda pair: pair[0]):
        made = batch()._replace(events=[new(next(numbers), observed)])
        writer.write([made], NOON + day * DAY)
    expected = [
        event
        for event in store.read(None, 100)
        if (since is None or event.observed >= since) and (until is None or event.observed < until)
    ]
    expected.sort(key=lambda event: (event.observed, event.day, event.row), reverse=newest_first)
    found: list[StoredEvent] = []
    cursor = None
    while True:
        got = store.search(EventQuery(), since, until, page, cursor, newest_first=newest_first)
        found += got
        if not got:
            break
        cursor = got[-1].cursor
    writer.close()
    store.close()
    assert [event.id for event in found] == [event.id for event in expected]


def test_a_long_search_is_cut(writer: EventWriter, store: EventStore) -> None:
    many = [new(number, text="a" * 400) for number in range(1, 5000)]
    writer.write([batch()._replace(events=many)], NOON)
    query = parse_query("file.path=*b*a*a*a*a*c")
    with pytest.raises(SearchTimeout, match="narrow"):
        store.search(query, timeout=0.0)
    assert store.search(query) == []


def test_search_from_a_place_that_is_gone(writer: EventWriter, store: EventStore) -> None:
    writer.write([batch(1)], NOON)
    with pytest.raises(LookupError):
        store.search(EventQuery(), before=Cursor("2024-10-04", 7))


@given(st.sets(st.integers(1, 60)))
def test_runs(numbers: set[int]) -> None:
    found = [number for first, last in runs(numbers) for number in range(first, last + 1)]
    assert found == sorted(numbers)


def test_a_year_of_days_does_not_exhaust_descriptors(
    writer: EventWriter, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.store import events as module

    monkeypatch.setattr(module, "MAX_OPEN", 3)
    for day in range(9):
        made = batch()._replace(events=[new(day + 1, observed=1), new(day + 101, observed=day)])
        writer.write([made], NOON + day * DAY)
    assert len(store.read(None, 100)) == 18
    assert len(store.search(EventQuery(), limit=100)) == 18
    assert len(store.ranges()) == 9 * 2
    assert len(store.search(parse_query("nothing"))) == 0
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        assert len(store.search(EventQuery(), limit=5)) == 5
        assert store.get("a.1.1") is not None
    assert len(os.listdir("/proc/self/fd")) <= before
    assert len(store._open) <= 3


def fill(writer: EventWriter) -> None:
    for first in range(1, 10_000, 20):
        events = [new(number, text="y" * 200) for number in range(first, first + 20)]
        writer.write([batch()._replace(events=events)], NOON)


@pytest.mark.root
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "ronda", str(place)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("may not mount here")
    writer = EventWriter(place)
    store = EventStore(place)
    try:
        with pytest.raises(StoreFull):
            fill(writer)
        stored = writer.ledger.acknowledged("a", 1)
        assert stored > 0
        assert len(store.read(None, 99_999)) == stored
        subprocess.run(["mount", "-o", "remount,size=9m", place], check=True)
        events = [new(number, text="y" * 200) for number in range(1, stored + 21)]
        assert writer.write([batch()._replace(events=events)], NOON)[0] == (stored + 20, 20)
    finally:
        writer.close()
        store.close()
        subprocess.run(["umount", place], check=True)
