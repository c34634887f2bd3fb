"""Signs of life: gathered in memory, written once a second, and what their absence means."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

import msgspec

from collectors.kinds import KINDS, AgentCloned, AgentSilent, IngestRejected, Record, Scrubbed
from server.fleet import agents
from server.fleet.agents import Sign, Silent, safe_host
from server.fleet.clones import CloneWatch, Machine
from server.store.state import StateStore
from server.store.writer import Written

log = logging.getLogger(__name__)
_JUMP = 10 * 10**9
"""ns between two ticks from which the collector itself was away (suspended, clock set)."""
_REJECTED_EVERY = 60 * 10**9
"""ns between two reports of refused batches of one agent."""
_NOTES = 100


class Report(Protocol):
    """`server.ingest.writer.WriterThread.report`."""

    def __call__(self, record: Record, opd: str = ...) -> Future[Written]:
        """Queue an event of the collector itself."""


class Presence:
    """Who has been heard, for how long somebody has not been, and who is two."""

    def __init__(
        self,
        state: StateStore,
        report: Report,
        *,
        after: int,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """*after* is the silence in ns from which an agent counts as silent."""
        self.state = state
        self._report = report
        self._after = after
        self._clock = clock
        self._lock = threading.Lock()
        self._signs: dict[tuple[str, int], Sign] = {}
        self._clones = CloneWatch()
        self._cloned: list[str] = []
        self._rejected: dict[str, tuple[int, int]] = {}
        # Before this moment nobody could be heard: the collector itself was not there.
        self._listening_since = self._ticked = clock()

    def heard(self, sign: Sign, opd: str) -> None:
        """Take note of a sign of life. Any thread."""
        key = sign.agent, sign.epoch
        with self._lock:
            before = self._signs.pop(key, None)
            if before is not None:
                health = sign.health or before.health
                last = max(sign.last, before.last)
                sign = msgspec.structs.replace(sign, health=health, last=last)
            self._signs[key] = sign  # last, so that the newest epoch is written last
            machine = Machine(sign.host_id, sign.boot_id)
            host = safe_host(sign.host)
            clone = self._clones.see(sign.agent, machine, host, sign.address, sign.at)
            if clone is not None:
                self._cloned.append(clone.agent)
        if clone is not None:
            log.warning("agent %s is used by two machines: %s", clone.agent, clone.hosts)
            hosts = tuple(map(Scrubbed, clone.hosts))
            record = AgentCloned(agent=clone.agent, hosts=hosts, addresses=clone.addresses)
            self._report(record, opd)

    def refused(self, agent: str, opd: str, reason: str) -> None:
        """Report refused batches of an agent, once a minute with their number. Any thread."""
        now = self._clock()
        with self._lock:
            last, count = self._rejected.get(agent, (-_REJECTED_EVERY, 0))
            due = now - last >= _REJECTED_EVERY
            self._rejected[agent] = (now, 0) if due else (last, count + 1)
        if due:
            self._report(IngestRejected(agent=agent, reason=reason[:300], count=count + 1), opd)

    def tick(self) -> None:
        """Write what was heard and report who fell silent or returned; once a second.

        Raises:
            sqlite3.Error: the state database cannot be used; nothing heard is forgotten.
        """
        now = self._clock()
        if not 0 <= now - self._ticked < _JUMP:
            self._listening_since = now
        self._ticked = now
        self._flush()
        for one in agents.returned(self.state):
            self._tell(one, "returned")
            agents.mark_silent(self.state, one.agent, None)
        if now - self._listening_since >= self._after:
            for one in agents.fallen_silent(self.state, now - self._after):
                self._tell(one, "silent")
                agents.mark_silent(self.state, one.agent, one.since)
        self._forward_notes()

    def _flush(self) -> None:
        with self._lock:
            signs = list(self._signs.values())
            cloned = self._cloned
            self._signs, self._cloned = {}, []
        try:
            if signs:
                agents.record(self.state, signs)
            for agent in cloned:
                agents.mark_cloned(self.state, agent)
        except BaseException:
            with self._lock:
                self._cloned += cloned
                for sign in signs:
                    self._signs.setdefault((sign.agent, sign.epoch), sign)
            raise

    def _tell(self, one: Silent, state: str) -> None:
        """Report, and wait for the commit: a mark without its event would hide the silence."""
        record = AgentSilent(agent=one.agent, host=Scrubbed(one.host), since=one.since, state=state)
        self._report(record, one.opd).result(30)

    def _forward_notes(self) -> None:
        """Turn what other roles left in the table of notes into events."""
        for row in self.state.query("SELECT id, record FROM note ORDER BY id LIMIT ?", (_NOTES,)):
            try:
                fields = msgspec.json.decode(row["record"], type=dict[str, object])
                record = msgspec.convert(fields, KINDS[str(fields.get("ronda.kind"))])
            except (msgspec.MsgspecError, KeyError) as error:
                log.warning("a note is not a record: %s", error)
            else:
                self._report(record).result(30)
            self.state.execute("DELETE FROM note WHERE id = ?", (row["id"],))
