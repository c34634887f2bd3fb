"""What must not happen: versions without bound, or one that is kept although the row is not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from collectors.files.meaning import snapshots
from collectors.files.meaning.snapshots import Snapshot, Snapshots
from collectors.paths import SafePath

A, B = SafePath(b"/etc/a"), SafePath(b"/etc/b")
LINES = [(b"12345678", "x"), (b"87654321", "y")]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(":memory:", isolation_level=None)
    yield made
    made.close()


def test_put_get_drop(connection: sqlite3.Connection) -> None:
    kept = Snapshots(connection)
    assert kept.get(A) is None
    assert kept.digest(A) is None
    assert kept.put(A, b"d", LINES)
    assert kept.get(A) == Snapshot(b"d", LINES)
    assert kept.digest(A) == b"d"
    assert kept.put(A, b"e", [])
    assert kept.get(A) == Snapshot(b"e", [])
    assert kept.files == 1
    again = Snapshots(connection)
    assert (again.files, again.bytes) == (kept.files, kept.bytes)
    kept.drop(A)
    kept.drop(A)
    assert (kept.files, kept.bytes) == (0, 0)


def test_bounds(connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MOST_FILES", 1)
    kept = Snapshots(connection)
    assert kept.put(A, b"d", LINES)
    assert kept.full
    assert not kept.put(B, b"d", LINES)
    assert kept.put(A, b"e", LINES)  # a new version of one that is kept


def test_rolled_back_with_the_row(connection: sqlite3.Connection) -> None:
    kept = Snapshots(connection)
    kept.put(A, b"d", LINES)
    connection.execute("BEGIN")
    kept.put(A, b"e", [])
    connection.execute("ROLLBACK")
    assert kept.digest(A) == b"d"
