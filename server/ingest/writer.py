"""The one thread that writes events, and the disk's watermarks."""

from __future__ import annotations

import logging
import queue
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Literal, NamedTuple, TypeAlias

from collectors.kinds import CollectorState, Record
from server.config import StoreConfig
from server.fleet.agents import safe_host
from server.ingest.batch import COLLECTOR, own_event
from server.store.writer import EventWriter, NewBatch, StoreFull, Written, retention_limit

log = logging.getLogger(__name__)

MAX_QUEUED = 64 << 20
"""Bytes of event fields that may wait for the disk."""
MAX_COMMIT = 8000
"""Events in one transaction."""
MAX_PIECES = 4096
"""Ranges of one epoch; a commit looks at all of them, so an agent with more holds up the others."""
_DISK_SECONDS = 1.0
_RETENTION_SECONDS = 600.0
_TIDY_SECONDS = 10.0
_IDLE_SECONDS = 0.5
DiskState: TypeAlias = Literal["ok", "warn", "stop"]


class Overloaded(Exception):  # noqa: N818 - a condition, not a mistake
    """Nothing more is taken for now; the agents keep their events and come again."""

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        """Seconds."""


class _Job(NamedTuple):
    batch: NewBatch | None
    own: tuple[Record, str] | None
    """A record of the collector itself, and the OPD that it is about."""
    size: int
    done: Future[Written]


class WriterThread:
    """Takes batches from any thread, commits several at once, answers by futures."""

    def __init__(
        self,
        events: EventWriter,
        config: StoreConfig,
        *,
        disk: Callable[[], float],
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """*disk* returns how full the disk is, 0 to 100."""
        self._events = events
        self._config = config
        self._disk = disk
        self._clock = clock
        self._host = safe_host(socket.gethostname())
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._queued = 0
        self._state: DiskState = "ok"
        self._checked = self._kept = self._tidied = float("-inf")
        self._thread = threading.Thread(target=self._run, name="event-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._look_at_disk()
        self._thread.start()

    def stop(self) -> None:
        """Commit what waits and end."""
        self._queue.put(None)
        self._thread.join()
        self._events.close()

    @property
    def alive(self) -> bool:
        """Say whether the thread runs."""
        return self._thread.is_alive()

    def acknowledged(self, agent: str, epoch: int) -> int:
        """Return the highest sequence up to which everything is committed. Any thread."""
        # Entries are replaced, not changed, so a reader sees one or the other.
        return self._events.ledger.acknowledged(agent, epoch)

    def is_scattered(self, agent: str, epoch: int) -> bool:
        """Say whether too many gaps lie in what *agent* has sent. Any thread."""
        return self._events.ledger.pieces(agent, epoch) > MAX_PIECES

    def check(self) -> None:
        """Say whether a batch would be taken now, before its body is read.

        Raises:
            Overloaded: it would not.
        """
        if self._state == "stop":
            raise Overloaded("the collector's disk is full; events stay with the agents", 60)
        if self._queued >= MAX_QUEUED:
            raise Overloaded("the collector is behind with writing", 5)

    def submit(self, batch: NewBatch, size: int) -> Future[Written]:
        """Queue *batch*; the future ends after the commit, or with `StoreFull`, `sqlite3.Error`.

        Raises:
            Overloaded: the queue or the disk is full.
        """
        self.check()
        return self._put(_Job(batch, None, size, Future()))

    def report(self, record: Record, opd: str = COLLECTOR) -> Future[Written]:
        """Queue an event of the collector itself about *opd*."""
        return self._put(_Job(None, (record, opd), 0, Future()))

    def _put(self, job: _Job) -> Future[Written]:
        with self._lock:
            self._queued += job.size
        self._queue.put(job)
        return job.done

    def _run(self) -> None:
        stopping = False
        while not stopping:
            self._look_at_disk()
            jobs, stopping = self._take()
            if jobs:
                self._commit(jobs)
            self._maintain()

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for a job, then take what else is there, up to `MAX_COMMIT` events."""
        jobs: list[_Job] = []
        events = 0
        try:
            job = self._queue.get(timeout=_IDLE_SECONDS)
            while job is not None:
                jobs.append(job)
                events += len(job.batch.events) if job.batch else 1
                if events >= MAX_COMMIT:
                    return jobs, False
                job = self._queue.get_nowait()
        except queue.Empty:
            return jobs, False
        return jobs, True

    def _commit(self, jobs: list[_Job]) -> None:
        now = self._clock()
        try:
            written = self._events.write(self._batches(jobs, now), now)
        except (StoreFull, sqlite3.Error, OSError) as error:
            log.error("events cannot be stored: %s", error)  # noqa: TRY400 - one line is enough
            for job in jobs:
                job.done.set_exception(error)
        else:
            for job, answer in zip(jobs, written, strict=True):
                job.done.set_result(answer)
        finally:
            with self._lock:
                self._queued -= sum(job.size for job in jobs)

    def _batches(self, jobs: list[_Job], now: int) -> list[NewBatch]:
        sequence = self._events.ledger.highest(COLLECTOR, 1)
        batches = []
        for job in jobs:
            if job.batch is not None:
                batches.append(job.batch)
            elif job.own is not None:
                record, opd = job.own
                sequence += 1
                event = own_event(record, sequence, now)
                batches.append(NewBatch(COLLECTOR, 1, opd, self._host, now, [event]))
        return batches

    def _look_at_disk(self) -> None:
        now = time.monotonic()
        if now - self._checked < _DISK_SECONDS:
            return
        self._checked = now
        percent = self._disk()
        state: DiskState = "ok"
        if percent >= self._config.stop_percent:
            state = "stop"
        elif percent >= self._config.warn_percent:
            state = "warn"
        if state == self._state:
            return
        log.warning("disk of the event store is %.0f %% full", percent)
        self._state = state
        action = {"ok": "disk_ok", "warn": "disk_warning", "stop": "disk_full"}[state]
        reason = {
            "ok": f"the disk is {percent:.0f} % full",
            "warn": f"the disk is {percent:.0f} % full: free space before"
            f" {self._config.stop_percent:g} %, when events are no longer accepted",
            "stop": f"the disk is {percent:.0f} % full: no event is accepted until space is freed",
        }[state]
        self.report(CollectorState(action=action, reason=reason))

    def _maintain(self) -> None:
        now = time.monotonic()
        try:
            if now - self._tidied >= _TIDY_SECONDS:
                self._tidied = now
                self._events.tidy()
            if self._config.retention_days and now - self._kept >= _RETENTION_SECONDS:
                self._kept = now
                moment = self._clock()
                limit = retention_limit(moment, self._config.retention_days)
                for day in self._events.drop_before(limit, moment):
                    log.info("events of %s removed: older than retention_days", day)
        except (sqlite3.Error, OSError) as error:
            log.warning("the event store cannot be tidied: %s", error)
