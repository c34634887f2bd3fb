"""The durable queue between sensors and collector.

One writer thread commits groups; a commit that succeeded survives SIGKILL and power loss.
This is the face that producers and the transport see; `agent.spool.writer` does the work.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from agent.clock import Clock, SystemClock
from agent.pipeline import weigh
from agent.spool.database import SpoolDatabase
from agent.spool.inspect import read_status
from agent.spool.records import Pending, SpoolStatus
from agent.spool.recovery import EpochFile, is_damage
from agent.spool.work import SpoolClosed, Work, WorkQueue
from agent.spool.writer import Writer, nothing
from collectors.api import Stopped
from collectors.kinds import EventQuarantined, SpoolRecreated
from collectors.redact import excerpt
from collectors.sighting import Sighting
from collectors.wire import Malformed, decode_event

log = logging.getLogger(__name__)

T = TypeVar("T")


class Spool:
    """Open spool; thread-safe. Close it before another `Spool` opens the same directory."""

    def __init__(
        self,
        directory: Path,
        *,
        agent: str,
        max_bytes: int = 1 << 30,
        clock: Clock | None = None,
        on_problem: Callable[[str | None], None] = lambda _text: None,
    ) -> None:
        """Open or begin the spool of *agent* in *directory*; *max_bytes* counts event bodies.

        *on_problem* is called with one sentence when the disk refuses writes, and with None
        when it takes them again.

        Raises:
            NewerFormat: a newer agent wrote it.
            sqlite3.OperationalError, OSError: it cannot be written.
        """
        self._directory = directory
        self._clock = clock or SystemClock()
        self._wakes = 0
        self._writer = Writer(directory, agent, max_bytes, self._clock, on_problem)
        if self._writer.reports:
            self.append([self._writer.own(record) for record in self._writer.reports])

    # Producers.

    def append(
        self, sightings: Sequence[Sighting], stopping: threading.Event | None = None
    ) -> None:
        """Queue *sightings*; durable within the group-commit interval. Blocks under pressure.

        Raises:
            SpoolClosed, Stopped: see `WorkQueue.put`.
            TypeError, ValueError, OverflowError: a record cannot be encoded.
        """
        if sightings:
            self._queue.put(Work(list(sightings), sum(map(weigh, sightings))), stopping)

    def handover(
        self,
        source: str,
        upto: int,
        sightings: Sequence[Sighting],
        stopping: threading.Event | None = None,
    ) -> None:
        """Store *sightings* and the cursor of *source* in one transaction; durable on return.

        Raises:
            SpoolClosed: it was closed meanwhile; the sightings may or may not be stored, the
                cursor tells.
            Stopped: *stopping* was set while waiting for the disk; the cursor tells.
            TypeError, ValueError, OverflowError: a record cannot be encoded.
        """
        weight = sum(map(weigh, sightings))

        def remember(database: SpoolDatabase) -> Sequence[Sighting]:
            database.set_cursor(source, upto)
            return ()

        self._submit(Work(list(sightings), weight, remember, threading.Event()), stopping)

    def _submit(self, work: Work, stopping: threading.Event | None = None) -> None:
        if work.done is None:
            raise ValueError("nobody can wait for this work")
        self._queue.put(work)
        while not work.done.wait(0.2):
            if stopping is not None and stopping.is_set():
                # A healthy disk needs milliseconds; only a sick one is not worth the wait.
                if work.done.wait(1.0):
                    break
                raise Stopped
        if work.failed:
            raise SpoolClosed

    def cursor(self, source: str) -> int:
        """Return the highest *upto* handed over for *source*, 0 at first."""
        return self._read(lambda database: database.cursor(source))

    # The transport.

    @property
    def epoch(self) -> int:
        """The epoch of the sequences."""
        with self._writer.lock:
            return self._writer.database.epoch

    @property
    def last(self) -> int:
        """Highest sequence assigned."""
        with self._writer.lock:
            return self._writer.database.last

    @property
    def acknowledged(self) -> int:
        """Highest sequence that the collector holds with all before it."""
        with self._writer.lock:
            return max(self._writer.database.acknowledged, self._writer.ack_target)

    def pending(self, after: int, limit: int = 500) -> Pending:
        """Return the batch that begins at ``after + 1``; see `Pending`."""

        def read(database: SpoolDatabase) -> Pending:
            batch = database.pending(after, limit)
            self._writer.handed_out = max(self._writer.handed_out, batch.last)
            return batch

        return self._read(read)

    def urgent(self, after: int, limit: int = 100) -> list[Pending]:
        """Return urgent events above *after*, one batch for each run of sequences."""

        def read(database: SpoolDatabase) -> tuple[list[tuple[int, bytes]], int]:
            rows = database.urgent(after, limit)
            if rows:
                self._writer.handed_out = max(self._writer.handed_out, rows[-1][0])
            return rows, database.epoch

        rows, epoch = self._read(read)
        batches = []
        for _, run in itertools.groupby(enumerate(rows), key=lambda item: item[1][0] - item[0]):
            events = [row for _, row in run]
            bodies = [body for _, body in events]
            batches.append(Pending(bodies, [], events[0][0], events[-1][0], epoch))
        return batches

    def wait(self, after: int, timeout: float) -> bool:
        """Wait until a sequence above *after* is durable, at most *timeout* seconds."""
        with self._writer.durable:
            wakes = self._wakes
            self._writer.durable.wait_for(
                lambda: self._wakes != wakes or self.last > after, timeout
            )
        return self.last > after

    def wake(self) -> None:
        """End every `wait` early."""
        with self._writer.durable:
            self._wakes += 1
            self._writer.durable.notify_all()

    def acknowledge(self, epoch: int, sequence: int) -> None:
        """Take note that the collector holds everything up to *sequence* of *epoch*.

        The deletion is committed with the next group. Begins a new epoch, and numbers what
        is unsent again, when the collector holds more than was ever handed out (this spool is
        an older copy) or less than it once acknowledged (the collector's store is).
        """
        with self._writer.lock:
            if epoch != self._writer.database.epoch:
                return
            known = max(self._writer.database.acknowledged, self._writer.ack_target)
            ahead, behind = sequence > self._writer.handed_out, sequence < known
            self._writer.ack_target = max(self._writer.ack_target, sequence if not ahead else 0)
        if ahead:
            log.warning("spool is an older copy (collector holds %d): new epoch", sequence)
            self._restart_epoch("rolled_back", 0)
        elif behind:
            log.warning(
                "collector went back from %d to %d, as if restored from an older copy: new epoch",
                known,
                sequence,
            )
            self._restart_epoch("collector_restored", sequence)
        elif sequence > known:
            self._queue.put(Work(action=nothing))

    def quarantine(self, sequence: int, reason: str) -> None:
        """Take one refused event out of the queue; durable on return.

        Raises:
            SpoolClosed: it was closed meanwhile.
        """

        def take_out(database: SpoolDatabase) -> Sequence[Sighting]:
            words = excerpt(reason, 500)
            body = database.take_out(sequence, words, self._clock.wall())
            if body is None:
                return ()
            try:
                tag = str(decode_event(body).get("ronda.kind"))
            except Malformed:
                tag = "unknown"
            return [self._writer.own(EventQuarantined(quarantined=sequence, tag=tag, reason=words))]

        self._submit(Work(action=take_out, done=threading.Event()))

    def _restart_epoch(self, cause: str, held: int) -> None:
        """Begin an epoch; the collector holds all up to *held* of the old one."""

        def restart(database: SpoolDatabase) -> Sequence[Sighting]:
            previous = database.epoch
            database.acknowledge(held)
            database.begin_epoch(EpochFile(self._directory).next(previous, self._clock.wall()))
            self._writer.forget()
            return [self._writer.own(SpoolRecreated(cause=cause, previous_epoch=previous))]

        self._submit(Work(action=restart, done=threading.Event()))

    # Everybody.

    def status(self) -> SpoolStatus:
        """Return counts for people."""
        return self._read(lambda database: read_status(database.connection))

    def set_max_bytes(self, max_bytes: int) -> None:
        """Change the bound; takes effect with the next commit."""
        self._writer.max_bytes = max_bytes
        with contextlib.suppress(SpoolClosed):
            self._queue.put(Work(action=nothing))

    @property
    def full(self) -> bool:
        """Say whether events are being dropped for want of room."""
        return self._writer.full

    @property
    def alive(self) -> bool:
        """Say whether the writer thread runs."""
        return self._writer.alive

    def close(self, timeout: float = 3.0) -> None:
        """Commit what is queued, at most *timeout* seconds, and close the file."""
        self._writer.close(timeout)

    @property
    def _queue(self) -> WorkQueue:
        return self._writer.queue

    def _read(self, function: Callable[[SpoolDatabase], T]) -> T:
        """Read under the lock; a damaged file is begun anew and read again.

        Raises:
            SpoolClosed: it was closed.
            sqlite3.Error, OSError: the disk cannot be read.
        """
        try:
            with self._writer.lock:
                return function(self._writer.database)
        except sqlite3.ProgrammingError as error:  # the connection is closed
            raise SpoolClosed from error
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._writer.damage = error
        self._submit(Work(action=nothing, done=threading.Event()))
        with self._writer.lock:
            return function(self._writer.database)
