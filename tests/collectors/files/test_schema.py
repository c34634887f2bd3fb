"""What must not happen: an upgrade loses a row, or tells of attributes that nobody changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from collectors.files import schema
from collectors.files.baseline import Baseline
from tests.collectors.files.context import FakeContext, Running

_NEW = ("attributes", "seen")


def _downgrade(database: Path) -> None:
    """Make a database what version 1 would have left."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("ALTER TABLE file DROP COLUMN attributes")
    connection.execute("ALTER TABLE directory DROP COLUMN seen")
    connection.execute("DROP TABLE commitment")
    connection.execute("PRAGMA user_version = 1")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def test_a_database_of_version_1_is_taken_over(tmp_path: Path) -> None:
    root = tmp_path / "watched"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "f").write_bytes(b"1")
    (root / "g").write_bytes(b"2")
    with Running(tmp_path / "agent", [root]):
        pass
    _downgrade(tmp_path / "agent/sensors/files/baseline.db")
    (root / "g").write_bytes(b"3")
    with Running(tmp_path / "agent", [root]) as running:
        running.wait("modified", root / "g")
        (root / "sub" / "f").chmod(0o600)
        change = running.wait("attributes", root / "sub" / "f")
        assert change.changed == ("mode",)
        assert {each.action for each in running.context.changes()} <= {"modified", "attributes"}
        assert running.context.lost() == [] or all(
            lost.cause == "stopped" for lost in running.context.lost()
        )
    baseline = Baseline(tmp_path / "agent/sensors/files")
    try:
        kept = baseline.kept()
        assert kept is not None
        assert kept.entries == baseline.count() == 4
    finally:
        baseline.close()


def test_each_version_is_reached_from_the_one_before(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    schema.prepare(connection, tmp_path)
    assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    columns = {row[1] for table in ("file", "directory") for row in _columns(connection, table)}
    assert columns.issuperset(_NEW)
    schema.prepare(connection, tmp_path)
    connection.close()


def _columns(connection: sqlite3.Connection, table: str) -> list[tuple[int, str]]:
    return connection.execute(f"PRAGMA table_info({table})").fetchall()


def test_the_context_is_closed(tmp_path: Path) -> None:
    FakeContext(tmp_path).close()
