"""What must not happen: a voice that is lost or counted twice when the collector is upgraded."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from server.store.migrations import m0005_consensus, m0007_agreement

ROWS = [
    ("nginx:amd64", "1.0", "1", "one", "web1", "a", 0),
    ("nginx:amd64", "1.0", "1", "two", "web2", "a", 0),
    ("nginx:amd64", "1.0", "1", "odd", "web3", "b", 1),
    ("nginx:amd64", "1.0", "2", "one", "web1", "c", 0),
]


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(m0005_consensus.SQL)
        connection.executemany(
            "INSERT INTO package_digest (package, version, listed, agent, host, digest, told)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            ROWS,
        )
        connection.executescript(m0007_agreement.SQL)
        yield connection


def test_all_is_there(database: sqlite3.Connection) -> None:
    rows = database.execute(
        "SELECT s.package, s.version, s.listed, a.agent, a.host, u.digest, h.told / 2"
        " FROM package_held h JOIN package_agent a ON a.id = h.agent"
        " JOIN package_set s ON s.id = h.package_set"
        " JOIN package_sum u ON u.id = h.sum AND u.package_set = s.id ORDER BY h.id"
    ).fetchall()
    assert rows == ROWS


def test_voices_are_counted(database: sqlite3.Connection) -> None:
    counts = database.execute("SELECT digest, hosts FROM package_sum ORDER BY digest").fetchall()
    assert counts == [("a", 2), ("b", 1), ("c", 1)]
    holds = database.execute("SELECT agent, holds FROM package_agent ORDER BY agent").fetchall()
    assert holds == [("odd", 1), ("one", 2), ("two", 1)]
