"""Reading a spool for people, also while an agent writes it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import NamedTuple

from agent.spool.records import PINNED, ClassCount, SpoolStatus
from collectors.kinds import Severity


class Quarantined(NamedTuple):
    """One event that the collector refused."""

    epoch: int
    sequence: int
    at: int
    """ns since 1970."""
    reason: str
    body: bytes


def read_status(db: sqlite3.Connection) -> SpoolStatus:
    """Return counts; tombstones count as ``high``.

    Raises:
        sqlite3.DatabaseError: not a spool.
    """
    meta = dict(db.execute("SELECT key, value FROM meta"))
    by_class: dict[str, ClassCount] = {}
    for number, events, size in db.execute(
        "SELECT CASE class WHEN ? THEN ? ELSE class END AS c, count(*), sum(size)"
        " FROM events INDEXED BY events_class GROUP BY c ORDER BY c",
        (PINNED, int(Severity.HIGH)),
    ):
        by_class[Severity(number).name.lower()] = ClassCount(events, size)
    oldest = db.execute("SELECT created FROM events ORDER BY seq LIMIT 1").fetchone()
    (quarantined,) = db.execute("SELECT count(*) FROM quarantine").fetchone()
    return SpoolStatus(
        epoch=int(meta.get("epoch", 0)),
        last=int(meta.get("last", 0)),
        acknowledged=int(meta.get("acknowledged", 0)),
        events=sum(c.events for c in by_class.values()),
        bytes=sum(c.bytes for c in by_class.values()),
        oldest=oldest[0] if oldest else None,
        quarantined=quarantined,
        by_class=by_class,
    )


def inspect(path: Path) -> tuple[SpoolStatus, list[Quarantined]]:
    """Read the spool file at *path* without writing.

    Raises:
        sqlite3.Error: it is missing, locked or not a spool.
    """
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        rows = db.execute("SELECT epoch, seq, at, reason, body FROM quarantine ORDER BY id")
        return read_status(db), [Quarantined(*row) for row in rows]
