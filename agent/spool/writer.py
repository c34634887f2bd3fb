"""The spool's only writer: groups, full disks, damaged files, tombstones.

Lock order: nothing else is taken while ``lock`` is held. The lock spans a whole transaction, so
a reader never sees a tombstone that the writer is still rewriting.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.clock import Clock
from agent.pipeline import seal_all, seal_one
from agent.spool.database import SpoolDatabase
from agent.spool.recovery import Reserve, is_damage, is_disk_full, move_aside, open_database
from agent.spool.work import SpoolClosed, Work, WorkQueue
from collectors.kinds import Kind, Scrubbed, SpoolDropped, SpoolRecreated, VisibilityLost
from collectors.sighting import Sighting

log = logging.getLogger(__name__)

_STONE_ROOM = 1024
"""Bytes kept free for the tombstone when evicting."""


def nothing(_database: SpoolDatabase) -> Sequence[Sighting]:
    """Do nothing: an action that only makes the writer commit."""
    return ()


class Writer:
    """Owns the database and the thread that commits to it."""

    def __init__(
        self,
        directory: Path,
        agent: str,
        max_bytes: int,
        clock: Clock,
        on_problem: Callable[[str | None], None],
    ) -> None:
        """See `Spool`."""
        self._directory = directory
        self._agent = agent
        self._clock = clock
        self._on_problem = on_problem
        self.max_bytes = max_bytes
        self.lock = threading.RLock()
        self.queue = WorkQueue()
        self.durable = threading.Condition()
        """Notified after every commit."""
        self.ack_target = 0
        self.damage: sqlite3.Error | None = None
        """Set by a reader that met a damaged page."""
        self.full = False
        """True from the first eviction until a fifth is free again."""
        self._closing = threading.Event()
        self._reserve = Reserve(directory)
        self._stone: tuple[int, SpoolDropped] | None = None
        self.database, self.reports = open_database(directory, agent, clock.wall())
        self.handed_out = self.database.last
        """Highest sequence that a reader has got, or may have got before a restart."""
        with contextlib.suppress(OSError):
            self._reserve.hold()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Say whether the thread runs."""
        return self._thread.is_alive()

    def own(self, record: Kind) -> Sighting:
        """Return a sighting of the agent itself."""
        return Sighting(record=record, observed=self._clock.wall(), module="agent")

    def forget(self) -> None:
        """Drop what was known about the sequences of the epoch that ended."""
        self._stone = None
        self.handed_out = self.ack_target = 0

    def close(self, timeout: float) -> None:
        """Commit what is queued, at most *timeout* seconds, and close the file."""
        self.queue.close()
        self._thread.join(timeout)
        self._closing.set()
        self._thread.join(1.0)
        with self.lock:
            self.database.close()
        self._announce()

    def _announce(self) -> None:
        with self.durable:
            self.durable.notify_all()

    def _run(self) -> None:
        while (group := self.queue.take()) is not None:
            failed = not self._commit_at_last(group)
            for work in group:
                work.finish(failed=failed)
            self._announce()
        self.queue.fail_all()

    def _commit_at_last(self, group: list[Work]) -> bool:
        """Commit, through full disks and damaged files; False when closed before it worked."""
        began: int | None = None
        delay = 0.25
        repairs = 0
        while True:
            try:
                if self.damage is not None:
                    repairs += 1
                    self._recreate(group, self.damage)
                self._commit(group)
                break
            except (sqlite3.Error, OSError) as error:
                if isinstance(error, sqlite3.Error) and is_damage(error):
                    self.damage = error
                    if repairs < 3:
                        continue
                if began is None:
                    began = self._clock.wall()
                    self._enter_trouble(error)
            if self._closing.wait(delay):
                return False
            delay = min(delay * 2, 15.0)
        if began is not None:
            self._leave_trouble(began)
        return True

    def _commit(self, group: list[Work]) -> None:
        with self.lock:
            now = self._clock.wall()
            with self.database.transaction():
                waiting: list[Sighting] = []
                for work in group:
                    if work.action is not None:
                        # In order: an action may end the epoch.
                        self._insert(waiting, now)
                        waiting = list(work.action(self.database))
                    waiting.extend(work.sightings)
                self._insert(waiting, now)
                self.database.acknowledge(self.ack_target)
                stone = self._evict(now)
            self._stone = stone

    def _insert(self, sightings: Sequence[Sighting], now: int) -> None:
        self.database.insert(seal_all(sightings, first=self.database.last + 1, created=now))

    def _evict(self, now: int) -> tuple[int, SpoolDropped] | None:
        if self.database.bytes <= self.max_bytes:
            self.full = self.full and self.database.bytes > self.max_bytes * 4 // 5
            return self._stone
        tally = self.database.evict(self.max_bytes - _STONE_ROOM)
        if tally is None:
            return self._stone
        self.full = True
        # A tombstone that was handed out may be on its way: its counts are final.
        unseen = self._stone if self._stone and self._stone[0] > self.handed_out else None
        earlier = unseen
        if not unseen and self._stone and self.database.pinned_bytes() > self.max_bytes // 8:
            # So many tombstones would fill the spool by themselves; the newest is the least
            # likely to have arrived. If it has, its counts are told twice.
            earlier = self._stone
            self.database.drop(earlier[0])
        record = tally.tombstone(earlier[1] if earlier else None)
        sequence = unseen[0] if unseen else self.database.last + 1
        sealed = seal_one(self.own(record), sequence=sequence, created=now)
        if unseen:
            self.database.replace_body(sequence, sealed.body)
        else:
            self.database.insert([sealed], pinned=True)
        return sequence, record

    def _enter_trouble(self, error: Exception) -> None:
        if is_disk_full(error):
            self._reserve.release()
            text = f"disk full: free space on the file system of {self._directory}"
        else:
            text = f"spool cannot be written in {self._directory}: {error}"
        log.error("%s; events wait in memory", text)
        self._on_problem(text)
        self.queue.set_lossy(lossy=True)

    def _leave_trouble(self, began: int) -> None:
        losses = self.queue.set_lossy(lossy=False)
        with contextlib.suppress(OSError):
            self._reserve.hold()
        lost = losses.describe()
        detail = f"dropped from memory: {lost}" if lost else "nothing was dropped"
        log.warning("spool can be written again; %s", detail)
        self._on_problem(None)
        record = VisibilityLost(
            cause="disk_full",
            begin=began,
            end=self._clock.wall(),
            detail=Scrubbed(detail),
            repaired=not lost,
        )
        with contextlib.suppress(SpoolClosed):
            self.queue.put(Work([self.own(record)], action=nothing))

    def _recreate(self, group: list[Work], error: sqlite3.Error) -> None:
        with self.lock:
            now = self._clock.wall()
            previous = self.database.epoch
            self.database.close()
            kept = move_aside(self.database.path, now)
            self.database, _ = open_database(self._directory, self._agent, now)
            self.forget()
            self.damage = None
        log.error("spool is damaged (%s); moved to %s and begun anew", error, kept)
        shown = Scrubbed(kept) if kept else None
        record = SpoolRecreated(cause="corrupt", previous_epoch=previous, kept_as=shown)
        group.insert(0, Work([self.own(record)]))
        time.sleep(0.05)  # a disk that breaks every new file must not spin
