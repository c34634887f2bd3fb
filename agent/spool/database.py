"""The spool's SQLite file: tables and the operations inside one transaction.

One connection, used under the caller's lock. The byte bound counts event bodies; the file is
about a quarter larger (keys, index, page slack) and does not shrink: SQLite reuses freed pages.
WAL with synchronous=FULL: a commit that has returned survives power loss
(https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.pipeline import Sealed
from agent.spool.records import PINNED, Pending, Tally, renumber
from collectors.kinds import Severity
from collectors.wire import Skipped

FORMAT = 1

_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events(
  seq INTEGER PRIMARY KEY, class INTEGER NOT NULL, urgent INTEGER NOT NULL,
  created INTEGER NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX events_class ON events(class, seq, size);
CREATE INDEX events_urgent ON events(seq) WHERE urgent = 1;
CREATE TABLE skipped(
  first INTEGER PRIMARY KEY, last INTEGER NOT NULL, cause TEXT NOT NULL, severity INTEGER NOT NULL);
CREATE TABLE cursors(source TEXT PRIMARY KEY, upto INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE quarantine(
  id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
  reason TEXT NOT NULL, body BLOB NOT NULL);
"""

_NUMBERS = ("epoch", "last", "acknowledged")
_BATCH_BYTES = 3 << 20
"""Plain bytes of one batch: always below the wire's limits unless one event alone is above."""

_QUARANTINED = 1000
_QUARANTINED_BYTES = 16 << 20


class NewerFormat(Exception):  # noqa: N818 - the operator's turn, not a mistake
    """The file belongs to a newer agent; it must not be moved aside."""


class SpoolDatabase:
    """The open file. ``last`` and ``acknowledged`` are sequences of ``epoch``."""

    def __init__(self, path: Path) -> None:
        """Open or create *path*.

        Raises:
            sqlite3.DatabaseError: it is not a spool.
        """
        path.touch(mode=0o600, exist_ok=True)
        self.path = path
        self.connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=10
        )
        self.epoch = self.last = self.acknowledged = 0
        self.agent = ""
        self.bytes = 0
        """Body bytes of all events."""
        try:
            self._configure()
            self._load()
        except BaseException:
            self.connection.close()
            raise

    def _configure(self) -> None:
        # journal_size_limit: after a checkpoint the WAL file is cut back to this many bytes.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "journal_size_limit=8388608"):
            self.connection.execute(f"PRAGMA {pragma}").fetchall()
        if not self.connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            self.connection.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")

    def _load(self) -> None:
        meta = dict(self.connection.execute("SELECT key, value FROM meta"))
        if int(meta.get("format", FORMAT)) > FORMAT:
            raise NewerFormat(f"{self.path} was written by a newer agent: update ronda-agent")
        self.epoch, self.last, self.acknowledged = (int(meta.get(name, 0)) for name in _NUMBERS)
        self.agent = meta.get("agent", "")
        self.bytes = int(
            self.connection.execute("SELECT coalesce(sum(size), 0) FROM events").fetchone()[0]
        )

    def verify(self) -> None:
        """Look for damage; thorough only while the file is small, for the sake of start-up.

        Raises:
            sqlite3.DatabaseError: the file is damaged.
        """
        if self.path.stat().st_size <= 64 << 20:
            (answer,) = self.connection.execute("PRAGMA quick_check(1)").fetchone()
            if answer != "ok":
                raise sqlite3.DatabaseError(f"malformed: {answer}")
        if self.epoch < 1:
            raise sqlite3.DatabaseError("malformed: no epoch")

    def close(self) -> None:
        """Close the file; the WAL is folded in when nobody else has it open."""
        self.connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what happens inside, or nothing of it."""
        saved = (self.epoch, self.last, self.acknowledged, self.agent, self.bytes)
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._save()
            self.connection.execute("COMMIT")
        except BaseException:
            self.epoch, self.last, self.acknowledged, self.agent, self.bytes = saved
            # SQLite has rolled back by itself after some errors (disk full, I/O).
            with contextlib.suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")
            raise

    def _save(self) -> None:
        rows = [(name, str(getattr(self, name))) for name in _NUMBERS]
        rows += [("agent", self.agent), ("format", str(FORMAT))]
        self.connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

    # The rest is for the inside of a transaction.

    def insert(self, events: Sequence[Sealed], *, pinned: bool = False) -> None:
        """Store events numbered from ``last + 1``; pinned ones are never evicted."""
        rows = [
            (
                e.sequence,
                PINNED if pinned else e.severity,
                int(e.urgent),
                e.created,
                len(e.body),
                e.body,
            )
            for e in events
        ]
        self.connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", rows)
        self.bytes += sum(row[4] for row in rows)
        if rows:
            self.last = rows[-1][0]

    def replace_body(self, sequence: int, body: bytes) -> None:
        """Rewrite an event that nobody has seen yet."""
        (old,) = self.connection.execute(
            "SELECT size FROM events WHERE seq = ?", (sequence,)
        ).fetchone()
        self.connection.execute(
            "UPDATE events SET body = ?, size = ? WHERE seq = ?", (body, len(body), sequence)
        )
        self.bytes += len(body) - old

    def evict(self, target: int) -> Tally | None:
        """Delete events, lowest class first and oldest first, until *target* bytes are left.

        Leaves skipped ranges; returns what went, None when nothing had to.
        """
        tally = Tally()
        while self.bytes > target:
            # The index order is the order of eviction; no sort.
            rows = self.connection.execute(
                "SELECT seq, class, size, created FROM events INDEXED BY events_class"
                " WHERE class < ? ORDER BY class, seq LIMIT 256",
                (PINNED,),
            ).fetchall()
            if not rows:
                break
            victims = []
            for seq, severity, size, created in rows:
                if self.bytes <= target:
                    break
                self.bytes -= size
                victims.append((seq,))
                tally.add(seq, severity, created)
                self.skip(seq, "spool_full", severity)
            self.connection.executemany("DELETE FROM events WHERE seq = ?", victims)
        return tally if tally.counts else None

    def pinned_bytes(self) -> int:
        """Return the bytes of all tombstones."""
        (size,) = self.connection.execute(
            "SELECT coalesce(sum(size), 0) FROM events INDEXED BY events_class WHERE class = ?",
            (PINNED,),
        ).fetchone()
        return int(size)

    def drop(self, sequence: int) -> None:
        """Delete one tombstone whose counts another one takes over."""
        for severity, size in self.connection.execute(
            "SELECT class, size FROM events WHERE seq = ?", (sequence,)
        ).fetchall():
            self.connection.execute("DELETE FROM events WHERE seq = ?", (sequence,))
            self.bytes -= size
            self.skip(sequence, "spool_full", min(severity, Severity.CRITICAL))

    def skip(self, sequence: int, cause: str, severity: int) -> None:
        """Record that *sequence* will never come; joins neighbouring ranges of the same cause.

        A joined range keeps its highest severity: the ranges stay fewer than the surviving
        events, and exact counts by class stand in the tombstone.
        """
        first, last = sequence, sequence
        for row in self.connection.execute(
            "SELECT first, last, severity FROM skipped WHERE cause = ?1 AND (first = ?2 + 1 OR"
            " first = (SELECT max(first) FROM skipped WHERE first < ?2))",
            (cause, sequence),
        ).fetchall():
            if row[0] == sequence + 1 or row[1] == sequence - 1:
                first, last = min(first, row[0]), max(last, row[1])
                severity = max(severity, row[2])
                self.connection.execute("DELETE FROM skipped WHERE first = ?", (row[0],))
        self.connection.execute(
            "INSERT INTO skipped VALUES (?, ?, ?, ?)", (first, last, cause, severity)
        )

    def acknowledge(self, sequence: int) -> None:
        """Delete everything up to *sequence*."""
        if sequence <= self.acknowledged:
            return
        (size,) = self.connection.execute(
            "SELECT coalesce(sum(size), 0) FROM events WHERE seq <= ?", (sequence,)
        ).fetchone()
        self.connection.execute("DELETE FROM events WHERE seq <= ?", (sequence,))
        self.connection.execute("DELETE FROM skipped WHERE last <= ?", (sequence,))
        self.connection.execute("UPDATE skipped SET first = ?1 + 1 WHERE first <= ?1", (sequence,))
        self.bytes -= size
        self.acknowledged = sequence

    def set_cursor(self, source: str, upto: int) -> None:
        """Remember the highest outbox row of *source* that has arrived."""
        self.connection.execute(
            "INSERT INTO cursors VALUES (?, ?) ON CONFLICT(source)"
            " DO UPDATE SET upto = max(upto, excluded.upto)",
            (source, upto),
        )

    def take_out(self, sequence: int, reason: str, now: int) -> bytes | None:
        """Move one event to quarantine (the newest, up to a bound); None when it is not there."""
        row = self.connection.execute(
            "SELECT class, size, body FROM events WHERE seq = ?", (sequence,)
        ).fetchone()
        if row is None:
            return None
        severity, size, body = row
        self.connection.execute("DELETE FROM events WHERE seq = ?", (sequence,))
        self.bytes -= size
        self.skip(sequence, "quarantined", min(severity, Severity.CRITICAL))
        self.connection.execute(
            "INSERT INTO quarantine(epoch, seq, at, reason, body) VALUES (?, ?, ?, ?, ?)",
            (self.epoch, sequence, now, reason, body),
        )
        self.connection.execute(
            "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?1 OR id <"
            " (SELECT min(id) FROM (SELECT id, sum(length(body)) OVER (ORDER BY id DESC) AS held"
            " FROM quarantine) WHERE held <= max(?2, ?3))",
            (_QUARANTINED, _QUARANTINED_BYTES, len(body)),
        )
        return bytes(body)

    def begin_epoch(self, epoch: int) -> None:
        """Number what is unsent from 1 again; skipped ranges of the old epoch are forgotten."""
        sequence = 0
        position = -1
        while rows := self.connection.execute(
            "SELECT seq, body FROM events WHERE seq > ? ORDER BY seq LIMIT 1000", (position,)
        ).fetchall():
            for old, body in rows:
                # New numbers never exceed old ones, so in ascending order none collides.
                sequence += 1
                changed = renumber(body, sequence)
                self.connection.execute(
                    "UPDATE events SET seq = ?, body = ?, size = ? WHERE seq = ?",
                    (sequence, changed, len(changed), old),
                )
                position = old
        self.connection.execute("DELETE FROM skipped")
        self.bytes = int(
            self.connection.execute("SELECT coalesce(sum(size), 0) FROM events").fetchone()[0]
        )
        self.epoch, self.last, self.acknowledged = epoch, sequence, 0

    # Reading: also outside a transaction.

    def cursor(self, source: str) -> int:
        """Return what `set_cursor` remembered, 0 at first."""
        row = self.connection.execute(
            "SELECT upto FROM cursors WHERE source = ?", (source,)
        ).fetchone()
        return int(row[0]) if row else 0

    def pending(self, after: int, limit: int) -> Pending:
        """Return a batch that settles a range beginning at ``after + 1``; empty when none does."""
        rows = self.connection.execute(
            "SELECT seq, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit + 1)
        )
        bodies: list[bytes] = []
        last, total = after, 0
        for seq, body in rows:
            total += len(body)
            if len(bodies) == limit or (bodies and total > _BATCH_BYTES):
                break
            bodies.append(bytes(body))
            last = seq
        else:
            last = self.last
        return Pending(bodies, self._skipped(after + 1, last), after + 1, last, self.epoch)

    def _skipped(self, first: int, last: int) -> list[Skipped]:
        rows = self.connection.execute(
            "SELECT max(first, ?1), min(last, ?2), cause, severity FROM skipped"
            " WHERE last >= ?1 AND first <= ?2 ORDER BY first",
            (first, last),
        )
        return [Skipped(first=row[0], last=row[1], cause=row[2], severity=row[3]) for row in rows]

    def urgent(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return up to *limit* urgent events above *after*, oldest first."""
        rows = self.connection.execute(
            "SELECT seq, body FROM events WHERE urgent = 1 AND seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        )
        return [(seq, bytes(body)) for seq, body in rows]
