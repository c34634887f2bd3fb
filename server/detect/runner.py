"""From stored events to alerts, exactly once.

A chunk of events is read behind the cursor; alerts, notifications, rule counters and the new
cursor are written in one transaction. A crash anywhere repeats the chunk or does not.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from collectors.kinds import CollectorState
from server.alerts.model import Channel, NewAlert
from server.alerts.raising import raise_alert
from server.detect.applications import Applications
from server.detect.consensus import Consensus
from server.detect.endings import ends, note_end
from server.detect.engine import Detection, Engine
from server.detect.planted import planted
from server.detect.roots import Roots
from server.detect.spread import Spread
from server.detect.sweeps import Sweeps
from server.store.events import Cursor, EventStore, StoredEvent
from server.store.state import StateStore
from signatures.sigma_facts import facts_of

CURSOR = "detect"
"""Name of the cursor in table ``cursor``."""

CHUNK = 500

_log = logging.getLogger(__name__)

COLLECTOR = "collector"
"""Agent id of what the collector says itself."""

_COUNT = (
    "UPDATE rule SET hits = hits + ?, last_hit = max(coalesce(last_hit, 0), ?),"
    " events = events + ?, cost_ns = cost_ns + ? WHERE id = ?"
)
_MOVE = (
    "INSERT INTO cursor (name, day, row) VALUES (?, ?, ?)"
    " ON CONFLICT(name) DO UPDATE SET day = excluded.day, row = excluded.row"
)


class Place(NamedTuple):
    """Whom an alert is about."""

    agent: str
    host: str
    opd: str


class Runner:
    """Follows the event store and raises alerts. Not for several threads at once."""

    def __init__(
        self,
        state: StateStore,
        events: EventStore,
        engine: Engine,
        *,
        channels: Sequence[Channel] = (),
        quiet: int = 3600 * 10**9,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """*quiet* (ns) is for rules that have none of their own; *clock* gives ns since 1970."""
        self.engine = engine
        self._state = state
        self._events = events
        self._channels = tuple(channels)
        self._quiet = quiet
        self._clock = clock
        self._roots = Roots(state)
        self._consensus = Consensus(state)
        self._applications = Applications(state)
        self._spread = Spread(state)
        self._sweeps = Sweeps(state)
        self._cursor = self._stored_cursor()

    def set_notices(self, channels: Sequence[Channel], quiet: int) -> None:
        """Notify by *channels* from now on; *quiet* (ns) as in the constructor."""
        self._channels = tuple(channels)
        self._quiet = quiet

    def _stored_cursor(self) -> Cursor | None:
        rows = self._state.query("SELECT day, row FROM cursor WHERE name = ?", (CURSOR,))
        return Cursor(str(rows[0]["day"]), int(rows[0]["row"])) if rows else None

    def step(self, limit: int = CHUNK) -> int:
        """Read and judge up to *limit* events; return how many there were.

        Raises:
            sqlite3.Error: a database cannot be used; nothing has happened, call it again.
        """
        events = self._events.read(self._cursor, limit)
        if not events:
            return 0
        try:
            self._judge(events)
        except sqlite3.Error:
            raise
        except Exception:  # noqa: BLE001 - an event from an agent must not stop detection
            for event in events:
                self._judge_alone(event)
        return len(events)

    def _judge_alone(self, event: StoredEvent) -> None:
        """Judge an event of a chunk with a poisonous one; write down which one that is."""
        try:
            self._judge([event])
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - as in `step`
            _log.exception("event %s cannot be judged", event.id)
            text = f"event {event.id} could not be judged: {type(error).__name__}"
            self._pass(event.cursor, text)

    def pass_damage(self) -> bool:
        """Move behind what cannot be read for damage; False when nothing is damaged.

        Raises:
            sqlite3.Error: a database cannot be used for another reason.
        """
        place = self._events.past_damage(self._cursor)
        if place is None:
            return False
        begin = f"{self._cursor.day}/{self._cursor.row}" if self._cursor else "the beginning"
        text = f"events from {begin} to {place.day}/{place.row} are damaged and were not judged"
        _log.error("%s", text)
        self._pass(place, text)
        return True

    def _pass(self, place: Cursor, text: str) -> None:
        """Move the cursor to *place* and leave a note, which ingest turns into an event."""
        now = self._clock()
        note = msgspec.json.encode(CollectorState(action="events_skipped", reason=text)).decode()
        with self._state.transaction():
            self._state.execute("INSERT INTO note (at, record) VALUES (?, ?)", (now, note))
            self._state.execute(_MOVE, (CURSOR, place.day, place.row))
        self._cursor = place

    def _judge(self, events: Sequence[StoredEvent]) -> None:
        now = self._clock()
        roots = self._roots.judge(events)
        beacons = self._spread.judge(events, now)
        found = [(event, hit) for event in events for hit in self.engine.detect(event.fields)]
        over = [(event, kept) for event in events if (kept := ends(event.kind, event.fields))]
        last = events[-1].cursor
        try:
            with self._state.transaction():
                for event, hit in found:
                    self._raise(event, hit)
                for event, end in over:
                    place = self._place(event)
                    note_end(self._state, self.engine.rules.rules, place.agent, end, self._clock())
                self._roots.store(roots)
                self._consensus.store(events, self._clock())
                self._applications.store(events)
                self._spread.store(beacons)
                self._sweeps.store(events, now)
                self._count()
                self._state.execute(_MOVE, (CURSOR, last.day, last.row))
        finally:
            self.engine.forget()  # stored, or the same chunk will be judged again
        self._cursor = last

    def _raise(self, event: StoredEvent, hit: Detection) -> None:
        rule = hit.rule
        if rule.stage == "experimental":  # counted only
            return
        place = self._place(event)
        fields = {
            "facts": facts_of({**event.fields, **planted(self._state, event.fields)}),
            "summary": rule.summary,
            "explanation": rule.explanation,
            "next_steps": rule.next_steps,
            "rule_version": rule.version,
        }
        new = NewAlert(
            rule=rule.id,
            title=rule.title,
            level=rule.level,
            stage=rule.stage,
            opd=place.opd,
            agent=place.agent,
            host=place.host,
            entity_field=hit.entity_field,
            entity=hit.entity,
            # An agent's clock may be years ahead: that must not pin its alerts above all others.
            observed=min(event.observed, event.received),
            event=event.id,
            fields=fields,
            tags=rule.tags,
            quiet=self._quiet if rule.quiet is None else rule.quiet,
        )
        raise_alert(self._state, new, self._channels, self._clock())

    def _place(self, event: StoredEvent) -> Place:
        """What the collector says about an agent belongs to that agent's OPD."""
        subject = event.fields.get("ronda.subject.agent")
        if isinstance(subject, str) and subject != event.agent and event.agent == COLLECTOR:
            rows = self._state.query("SELECT host, opd FROM agent WHERE id = ?", (subject,))
            if rows:
                return Place(subject, str(rows[0]["host"]), str(rows[0]["opd"]))
        return Place(event.agent, event.host, event.opd)

    def _count(self) -> None:
        for rule, counters in self.engine.counters().items():
            values: tuple[Any, ...] = (
                counters.hits,
                counters.last_hit,
                counters.events,
                counters.cost_ns,
                rule,
            )
            self._state.execute(_COUNT, values)
