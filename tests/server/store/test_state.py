"""The state database: schema, transactions, threads and processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.store.state import StateStore

NOTE = "INSERT INTO note(at, record) VALUES (?, ?)"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    opened = StateStore.open(tmp_path / "state.db")
    yield opened
    opened.close()


def add_badly(state: StateStore) -> None:
    with state.transaction():
        state.execute(NOTE, (1, "x"))
        state.execute(NOTE, (2, None))


def test_a_failed_block_leaves_nothing(state: StateStore) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        add_badly(state)
    assert state.query("SELECT * FROM note") == []
    with state.transaction():
        state.execute(NOTE, (1, "x"))
    assert state.query("SELECT * FROM note") == [{"id": 1, "at": 1, "record": "x"}]


def add_then_badly(state: StateStore) -> None:
    with state.transaction():
        with state.transaction():
            state.execute(NOTE, (1, "x"))
        add_badly(state)


def test_an_inner_block_belongs_to_the_outer(state: StateStore) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        add_then_badly(state)
    assert state.query("SELECT * FROM note") == []


PEEK = """
import sys
from pathlib import Path
from server.store.state import StateStore
state = StateStore.open(Path(sys.argv[1]))
state.execute("INSERT INTO note (at, record) VALUES (2, 'y')")
state.close()
"""


def test_another_connection_here_does_not_cost_this_one_its_locks(
    tmp_path: Path, state: StateStore
) -> None:
    # Closing any descriptor of the file would: then the other process removes the log under us.
    StateStore.open(tmp_path / "state.db").close()
    state.execute(NOTE, (1, "x"))
    for count in (2, 3):
        subprocess.run([sys.executable, "-c", PEEK, str(tmp_path / "state.db")], check=True)
        assert len(state.query("SELECT * FROM note")) == count


def test_audit_cannot_be_changed(state: StateStore) -> None:
    state.execute("INSERT INTO audit(at, actor, action, subject) VALUES (1, 'a', 'b', 'c')")
    for statement in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            state.execute(statement)


def test_foreign_keys_hold(state: StateStore) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        state.execute("INSERT INTO certificate VALUES ('1', 'nobody', 'o', 1, 2, NULL, NULL)")


def test_opening_again_changes_nothing(tmp_path: Path, state: StateStore) -> None:
    schema = state.query("SELECT sql FROM sqlite_master ORDER BY name")
    other = StateStore.open(tmp_path / "state.db")
    assert other.query("SELECT sql FROM sqlite_master ORDER BY name") == schema
    assert other.query("PRAGMA synchronous") == [{"synchronous": 2}]
    assert other.query("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
    other.close()
    assert (tmp_path / "state.db").stat().st_mode & 0o777 == 0o600


def test_threads_take_turns(state: StateStore) -> None:
    def add() -> None:
        for _ in range(20):
            with state.transaction():
                (row,) = state.query("SELECT count(*) AS n FROM note")
                state.execute(NOTE, (row["n"], "x"))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = state.query("SELECT at FROM note ORDER BY id")
    assert [row["at"] for row in rows] == list(range(80))


PROGRAM = """
import sys
from pathlib import Path
from server.store.state import StateStore
state = StateStore.open(Path(sys.argv[1]))
for number in range(20):
    with state.transaction():
        (row,) = state.query("SELECT count(*) AS n FROM note")
        state.execute("INSERT INTO note(at, record) VALUES (?, 'x')", (row["n"],))
state.close()
"""


def test_processes_take_turns_and_migrate_once(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    running = [subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    state = StateStore.open(path)
    rows = state.query("SELECT at FROM note ORDER BY id")
    state.close()
    assert [row["at"] for row in rows] == list(range(60))
