"""What the baseline keeps beside its rows: numbers, finished roots, times without sight."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from collectors.paths import SafePath


class Gap(NamedTuple):
    """A time without sight that no comparison has repaired yet; ns since 1970."""

    cause: str
    begin: int
    end: int


class Notes:
    """The small tables. `Baseline` adds the large ones."""

    connection: sqlite3.Connection

    def beat(self, now: int) -> None:
        """Keep a sign of life at once, outside a transaction; its loss would not matter."""
        self.put_soon({"beat": now})

    def put_soon(self, values: Mapping[str, int]) -> None:
        """Keep numbers without waiting for the disk: a power loss may take them back.

        In an open transaction they go with it.
        """
        waiting = not self.connection.in_transaction
        if waiting:
            self.connection.execute("PRAGMA synchronous = NORMAL")
        query = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
        self.connection.executemany(query, list(values.items()))
        if waiting:
            self.connection.execute("PRAGMA synchronous = FULL")

    def get(self, key: str) -> int | None:
        """Return a number kept by `put`."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else int(row[0])

    def put(self, key: str, value: int) -> None:
        """Keep a number."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def complete_roots(self) -> set[bytes]:
        """Return the roots whose first baseline was finished (safe paths)."""
        return {bytes(row[0]) for row in self.connection.execute("SELECT path FROM root")}

    def set_complete_roots(self, roots: Iterable[SafePath]) -> None:
        """Replace what `complete_roots` returns; the last step of a first baseline."""
        self.connection.execute("DELETE FROM root")
        self.connection.executemany("INSERT INTO root VALUES (?)", ((root,) for root in roots))

    def add_gap(self, gap: Gap) -> None:
        """Keep a time without sight until a comparison repairs it."""
        self.connection.execute("INSERT INTO gap (cause, begin, end) VALUES (?, ?, ?)", gap)

    def last_gap(self) -> int:
        """Return the number of the newest gap, 0 when there is none."""
        return int(self.connection.execute("SELECT coalesce(max(id), 0) FROM gap").fetchone()[0])

    def take_gaps(self, upto: int) -> list[Gap]:
        """Remove and return the gaps up to number *upto* (not by time: clocks are set back)."""
        # Not RETURNING: SQLite 3.34 (RHEL 9) does not know it.
        query = "SELECT cause, begin, end FROM gap WHERE id <= ? ORDER BY id"
        gaps = [Gap(*row) for row in self.connection.execute(query, (upto,))]
        self.connection.execute("DELETE FROM gap WHERE id <= ?", (upto,))
        return gaps
