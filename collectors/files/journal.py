"""Telling changes and recording them, together or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from collectors.api import SensorContext
from collectors.files.baseline import Baseline
from collectors.files.commitment import Commitment
from collectors.kinds import BaselineRoot, FileChange, Record, Scrubbed
from collectors.outbox import Outbox
from collectors.paths import SafePath
from collectors.sighting import Sighting

NAME = "files"
"""The sensor, and the source of its outbox."""

MAX_CHANGES = 500
"""Records in one transaction."""
MAX_WRITES = 20_000
"""Rows in one transaction: those of a first baseline are told to nobody."""
MAX_SECONDS = 1.0


class Journal:
    """Gathers sightings beside the open transaction of the baseline and commits both.

    Order of `commit`: publish, then baseline and outbox in one transaction, then the spool. Killed
    after publishing, the change is found again and published again: other sensors may look twice
    at a file, never not at all.
    """

    def __init__(
        self,
        baseline: Baseline,
        outbox: Outbox,
        context: SensorContext,
        weigh: Callable[[int | None, FileChange], int | None] | None = None,
    ) -> None:
        """*weigh* gives the severity of a change, from the one that the teller gives."""
        self._weigh = weigh
        self._baseline = baseline
        self._outbox = outbox
        self._context = context
        self._sightings: list[Sighting] = []
        self._changed: dict[SafePath, None] = {}
        self._added = False
        self._writes = 0
        self._opened = 0.0

    def tell(self, record: Record, *, severity: int | None = None) -> None:
        """Add a record to what the next `commit` hands over; a change weighs what it means."""
        self.wrote()
        if self._weigh is not None and isinstance(record, FileChange):
            severity = self._weigh(severity, record)
        self._sightings.append(self._sighting(record, severity))

    def pass_on(self, sighting: Sighting) -> None:
        """Add a sighting of earlier; many of them go into the open transaction bit by bit."""
        self.wrote()
        if self._weigh is not None and isinstance(sighting.record, FileChange):
            severity = self._weigh(sighting.severity, sighting.record)
            sighting = msgspec.structs.replace(sighting, severity=severity)
        self._sightings.append(sighting)
        if len(self._sightings) >= MAX_CHANGES:
            self._outbox.add(self._sightings)
            self._added = True
            self._sightings = []

    def publish(self, path: SafePath) -> None:
        """Tell the other sensors of a changed regular file, before the next `commit`."""
        self._changed[path] = None

    def wrote(self, rows: int = 1) -> None:
        """Open the transaction if need be; before each change of the baseline, of so many rows."""
        if not self._writes:
            self._baseline.begin()
            self._opened = time.monotonic()
        self._writes += rows

    def due(self) -> bool:
        """Tell whether the transaction has grown enough to be committed."""
        return self._writes > 0 and (
            len(self._sightings) >= MAX_CHANGES
            or self._writes >= MAX_WRITES
            or time.monotonic() - self._opened >= MAX_SECONDS
        )

    def beat(self) -> None:
        """Record that the sensor is alive; an open transaction does so when it ends."""
        if not self._writes:
            self._baseline.beat(self._context.now())

    def abandon(self) -> None:
        """Commit what was published; take the rest back: the next comparison finds it again."""
        if self._changed:
            self._baseline.rollback()
        elif self._writes:
            self._commit()
        self._sightings = []
        self._changed = {}
        self._writes = 0

    def rollback(self) -> None:
        """Take everything since the last commit back."""
        self._baseline.rollback()
        self._sightings = []
        self._changed = {}
        self._added = False
        self._writes = 0

    def commit(self) -> None:
        """Publish, commit, hand over.

        Raises:
            collectors.api.Stopped: the agent is going down; nothing is lost.
        """
        if not self._writes:
            return
        if self._changed:
            self._context.publish(list(self._changed))
        self._commit()
        told, self._sightings = self._added or bool(self._sightings), []
        self._added = False
        self._changed = {}
        self._writes = 0
        if told:
            self._outbox.flush(self._context)

    def _commit(self) -> None:
        """Commit rows, records and the commitment to all rows together."""
        moved = self._baseline.seal()
        if moved is not None:
            self._sightings.append(self._sighting(root_record("changed", moved, self._baseline)))
        if self._sightings:
            self._outbox.add(self._sightings)
        self._baseline.put("beat", self._context.now())
        self._baseline.commit()

    def _sighting(self, record: Record, severity: int | None = None) -> Sighting:
        return Sighting(
            record=record,  # type: ignore[arg-type]  # every Record subclass is in Kind
            observed=self._context.now(),
            module=NAME,
            severity=severity,
        )


def shown(context: SensorContext, paths: Sequence[bytes]) -> tuple[Scrubbed, ...]:
    """Return up to five paths for people."""
    guard = context.guard
    return tuple(guard.display(guard.guard(path)) for path in paths[:5])


def root_record(
    action: str, root: Commitment, baseline: Baseline, stored: Commitment | None = None
) -> BaselineRoot:
    """Return the record of the commitment to all rows."""
    return BaselineRoot(
        action=action,
        root=root.root,
        entries=root.entries,
        stored=None if stored is None else stored.root,
        complete=baseline.whole,
    )
