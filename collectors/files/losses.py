"""What was lost while the sensor ran: events, time, sight of directories."""

from __future__ import annotations

import logging

from collectors.api import SensorContext
from collectors.files.baseline import Baseline
from collectors.files.dirty import DirtySet
from collectors.files.journal import Journal
from collectors.files.notes import Gap
from collectors.files.pauses import Pauses
from collectors.files.sources.source import EventSource
from collectors.files.visibility import Visibility

_log = logging.getLogger(__name__)


class Losses:
    """Keeps each loss as a gap until a comparison of the whole tree has repaired it."""

    def __init__(
        self,
        context: SensorContext,
        baseline: Baseline,
        journal: Journal,
        *,
        source: EventSource,
        dirty: DirtySet,
        pauses: Pauses,
    ) -> None:
        self._context = context
        self._baseline = baseline
        self._journal = journal
        self._source = source
        self._dirty = dirty
        self._pauses = pauses
        self._overflows = 0
        self._overflow_told = False
        self._blind = 0
        self.visibility = Visibility(context, journal)

    def any(self) -> bool:
        """Take note of what has been lost; return whether the whole tree is to be compared."""
        overflow = self._overflow()
        return self._pause() or overflow

    def repaired(self, upto: int) -> None:
        """Tell that the tree has been compared since the gaps up to number *upto*."""
        self.visibility.repaired(self._baseline.take_gaps(upto))
        self._overflow_told = False

    def blind(self, directories: dict[bytes, str]) -> None:
        """Tell of blind directories when their number has changed."""
        if len(directories) != self._blind:
            self._blind = len(directories)
            self.visibility.blind(directories)
            self._journal.commit()

    def _overflow(self) -> bool:
        if not self._dirty.take_overflow():
            return False
        now = self._context.now()
        begin = now
        if self._source.overflows != self._overflows:  # else our own bounds were reached
            self._overflows = self._source.overflows
            begin = min(self._source.overflow_since, now)
        self._journal.wrote()
        self._baseline.add_gap(Gap("queue_overflow", begin, now))
        if not self._overflow_told:
            self._overflow_told = True
            self.visibility.overflow(begin)
        self._journal.commit()
        _log.warning("files: events were lost; comparing the whole tree")
        return True

    def _pause(self) -> bool:
        """Keep the times in which nothing ran: who knows what was lost."""
        pauses = self._pauses.take()
        if not pauses:
            return False
        self._journal.wrote()
        for pause in pauses:
            self._baseline.add_gap(pause)
        self._journal.commit()
        _log.warning("files: nothing ran for a time; comparing the whole tree")
        return True
