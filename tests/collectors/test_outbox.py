"""What must not happen: a sighting lost, sent twice, or sent without its state change."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from collectors.api import Stopped
from collectors.kinds import FileChange, Scrubbed
from collectors.outbox import CHUNK, Outbox
from collectors.sighting import Sighting


class Spool:
    """Stores as the real spool does: sightings and cursor together."""

    def __init__(self) -> None:
        self.cursors: dict[str, int] = {}
        self.received: list[str] = []
        self.chunks: list[int] = []
        self.refuse_after: int | None = None

    def cursor(self, source: str) -> int:
        return self.cursors.get(source, 0)

    def handover(self, source: str, upto: int, sightings: Sequence[Sighting]) -> None:
        if self.refuse_after is not None and len(self.chunks) >= self.refuse_after:
            raise Stopped
        self.cursors[source] = upto
        self.chunks.append(len(sightings))
        for sighting in sightings:
            assert isinstance(sighting.record, FileChange)
            self.received.append(sighting.record.path)


def sighting(name: str) -> Sighting:
    record = FileChange(action="created", path=Scrubbed(name))
    return Sighting(record=record, observed=1, module="files")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(tmp_path / "state.db")
    yield database
    database.close()


def opened(connection: sqlite3.Connection, spool: Spool) -> Outbox:
    outbox = Outbox(connection, "files")
    outbox.create_table()
    outbox.begin(spool)
    return outbox


def test_rolled_back_sightings_are_never_sent(connection: sqlite3.Connection) -> None:
    spool = Spool()
    outbox = opened(connection, spool)
    outbox.add([sighting("never")])
    connection.rollback()
    assert outbox.flush(spool) == 0
    assert spool.received == []


def test_nothing_is_sent_twice(connection: sqlite3.Connection) -> None:
    spool = Spool()
    outbox = opened(connection, spool)
    with connection:
        outbox.add([sighting("a"), sighting("b")])
    assert outbox.flush(spool) == 2
    assert outbox.flush(spool) == 0
    again = opened(connection, spool)
    assert again.flush(spool) == 0
    assert spool.received == ["a", "b"]


def test_what_the_spool_does_not_hold_stays(connection: sqlite3.Connection) -> None:
    spool = Spool()
    outbox = opened(connection, spool)
    names = [str(number) for number in range(2 * CHUNK + 7)]
    with connection:
        outbox.add(map(sighting, names))
    spool.refuse_after = 1
    with pytest.raises(Stopped):
        outbox.flush(spool)
    assert outbox.pending() == CHUNK + 7
    spool.refuse_after = None
    opened(connection, spool).flush(spool)
    assert spool.received == names
    assert spool.chunks == [CHUNK, CHUNK, 7]


def test_the_table_does_not_grow(connection: sqlite3.Connection) -> None:
    spool = Spool()
    outbox = opened(connection, spool)
    for number in range(1200):
        with connection:
            outbox.add([sighting(str(number))])
        outbox.flush(spool)
    assert connection.execute("SELECT count(*) FROM outbox").fetchone()[0] <= 1
    assert len(spool.received) == 1200


def test_a_new_database_does_not_reuse_ids_that_the_spool_has_counted(
    connection: sqlite3.Connection,
) -> None:
    spool = Spool()
    spool.cursors["files"] = 4711
    outbox = opened(connection, spool)
    with connection:
        outbox.add([sighting("fresh")])
    assert outbox.flush(spool) == 1
    assert spool.cursors["files"] == 4712


def test_an_unreadable_row_does_not_block_the_rest(
    connection: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool()
    outbox = opened(connection, spool)
    with connection:
        outbox.add([sighting("before")])
        connection.execute("INSERT INTO outbox (body) VALUES (x'c1')")
        outbox.add([sighting("after")])
    outbox.flush(spool)
    assert spool.received == ["before", "after"]
    assert "sighting 2 cannot be read" in caplog.text


def test_works_with_explicit_transactions(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    spool = Spool()
    outbox = opened(database, spool)
    database.execute("BEGIN IMMEDIATE")
    outbox.add([sighting("a")])
    database.execute("COMMIT")
    assert outbox.flush(spool) == 1
    assert not database.in_transaction
    database.close()


_CHILD = """
    import os, sqlite3, sys
    from collectors.outbox import Outbox
    from collectors.kinds import FileChange
    from collectors.sighting import Sighting

    state = sqlite3.connect(sys.argv[1], isolation_level=None)
    spool = sqlite3.connect(sys.argv[2], isolation_level=None)
    for database in (state, spool):
        database.execute("PRAGMA journal_mode=WAL")
    state.execute("CREATE TABLE IF NOT EXISTS done (number INTEGER PRIMARY KEY)")
    spool.execute("CREATE TABLE IF NOT EXISTS event (path TEXT)")
    spool.execute("CREATE TABLE IF NOT EXISTS cursor (upto INTEGER)")

    class Spool:
        def cursor(self, source):
            return spool.execute("SELECT coalesce(max(upto), 0) FROM cursor").fetchone()[0]
        def handover(self, source, upto, sightings):
            spool.execute("BEGIN IMMEDIATE")
            spool.executemany("INSERT INTO event VALUES (?)", [(s.record.path,) for s in sightings])
            spool.execute("INSERT INTO cursor VALUES (?)", (upto,))
            spool.execute("COMMIT")

    box = Outbox(state, "files")
    box.create_table()
    box.begin(Spool())
    box.flush(Spool())
    number = state.execute("SELECT coalesce(max(number), 0) FROM done").fetchone()[0]
    while True:
        state.execute("BEGIN IMMEDIATE")
        for _ in range(7):
            number += 1
            state.execute("INSERT INTO done VALUES (?)", (number,))
            record = FileChange(action="created", path=str(number))
            box.add([Sighting(record=record, observed=1, module="files")])
        state.execute("COMMIT")
        box.flush(Spool())
        print(number, flush=True)
"""


def test_exactly_once_across_kill(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", textwrap.dedent(_CHILD)]
    arguments += [str(tmp_path / "state.db"), str(tmp_path / "spool.db")]
    for round_ in range(6):
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=Path.cwd())
        assert process.stdout is not None
        for _ in range(3 + 5 * round_):
            assert process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    spool = sqlite3.connect(tmp_path / "spool.db")
    state = sqlite3.connect(tmp_path / "state.db")
    receiver = Spool()
    receiver.cursors["files"] = spool.execute("SELECT max(upto) FROM cursor").fetchone()[0]
    opened(state, receiver).flush(receiver)
    arrived = [int(row[0]) for row in spool.execute("SELECT path FROM event")]
    arrived += map(int, receiver.received)
    assert arrived == [row[0] for row in state.execute("SELECT number FROM done ORDER BY number")]
    assert len(arrived) > 100
    spool.close()
    state.close()
