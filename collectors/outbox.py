"""Transactional outbox: a sensor's state and its sightings change together or not at all.

The sensor adds sightings inside the transaction that changes its own state, commits, and calls
`Outbox.flush`. The spool stores events and the outbox cursor in one transaction too, so after a
SIGKILL at any point each sighting has arrived exactly once: rows after the cursor are handed over
again, rows up to it are not. A row is deleted only when the spool holds it.

The connection belongs to the sensor; all calls come from the thread that owns it.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from collectors.sighting import Sighting

CHUNK = 500
"""Sightings per handover: bounds memory and the length of the spool's transaction."""

_PRUNE_AT = 1000

_log = logging.getLogger(__name__)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Sighting)


class Receiver(Protocol):
    """The part of `collectors.api.SensorContext` that the outbox needs."""

    def handover(self, source: str, upto: int, sightings: Sequence[Sighting]) -> None:
        """Store *sightings* and *upto* in one transaction."""

    def cursor(self, source: str) -> int:
        """Return the highest *upto* stored."""


class Outbox:
    """Sightings that wait in the sensor's own database. See the module for the protocol."""

    def __init__(self, connection: sqlite3.Connection, source: str) -> None:
        """*source* names this outbox to the spool; one name for one database, for ever."""
        self._connection = connection
        self._source = source
        self._handed = 0
        self._unpruned = 0

    def create_table(self) -> None:
        """Make the table if it is missing. Ids are never used twice (AUTOINCREMENT)."""
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS outbox"
            " (id INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)"
        )

    def begin(self, context: Receiver) -> None:
        """Join with the spool; once, before the first `add`, outside a transaction.

        A database that was lost or restored from a copy would give out ids that the spool has
        already counted as arrived: new ids start after the cursor instead.
        """
        cursor = context.cursor(self._source)
        with self._connection as connection:
            connection.execute("DELETE FROM outbox WHERE id <= ?", (cursor,))
            row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")
            known = row.fetchone()
            if known is None:
                connection.execute("INSERT INTO sqlite_sequence VALUES ('outbox', ?)", (cursor,))
            elif known[0] < cursor:
                connection.execute(
                    "UPDATE sqlite_sequence SET seq = ? WHERE name = 'outbox'", (cursor,)
                )
        self._handed = cursor
        self._unpruned = 0

    def add(self, sightings: Iterable[Sighting]) -> None:
        """Put *sightings* in line, inside the transaction that the caller has open.

        Raises:
            sqlite3.Error: as the statement does; the caller rolls back.
        """
        self._prune()
        self._connection.executemany(
            "INSERT INTO outbox (body) VALUES (?)",
            ((_encoder.encode(sighting),) for sighting in sightings),
        )

    def flush(self, context: Receiver) -> int:
        """Hand over everything after the cursor, outside a transaction; return how many.

        Raises:
            collectors.api.Stopped: the agent is going down; the rest follows at the next start.
        """
        count = 0
        while rows := self._after(self._handed):
            upto = int(rows[-1][0])
            context.handover(self._source, upto, list(self._decode(rows)))
            self._handed = upto
            self._unpruned += len(rows)
            count += len(rows)
            if self._unpruned >= _PRUNE_AT:
                with self._connection:
                    self._prune()
        return count

    def pending(self) -> int:
        """Return how many sightings the spool does not hold yet."""
        query = "SELECT count(*) FROM outbox WHERE id > ?"
        return int(self._connection.execute(query, (self._handed,)).fetchone()[0])

    def _after(self, cursor: int) -> list[tuple[int, bytes]]:
        query = "SELECT id, body FROM outbox WHERE id > ? ORDER BY id LIMIT ?"
        return self._connection.execute(query, (cursor, CHUNK)).fetchall()

    def _prune(self) -> None:
        # Rides on a transaction that is there anyway: pruning costs no fsync of its own.
        if self._unpruned:
            self._connection.execute("DELETE FROM outbox WHERE id <= ?", (self._handed,))
            self._unpruned = 0

    def _decode(self, rows: Iterable[tuple[int, bytes]]) -> Iterable[Sighting]:
        for number, body in rows:
            try:
                yield _decoder.decode(body)
            except (msgspec.DecodeError, RecursionError):
                # Written by a version with another contract, or damaged: one bad row must not
                # hold back all that follow it.
                _log.error("outbox %s: sighting %d cannot be read; skipped", self._source, number)
