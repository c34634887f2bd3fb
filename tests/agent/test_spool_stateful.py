"""Whatever happens in whatever order, every sequence is accounted for exactly once."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.spool import Spool
from collectors.kinds import Severity
from collectors.wire import decode_event
from tests.agent.spool_helpers import open_spool, settled, sighting

_EXAMPLES = 400 if os.environ.get("RONDA_HYPOTHESIS") == "deep" else 15
"""Each opens files and commits for real."""


class SpoolMachine(RuleBasedStateMachine):
    """A spool of 8 kB, a collector that remembers, and a model that counts."""

    def __init__(self) -> None:
        """Open."""
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.spool: Spool = open_spool(self.directory, max_bytes=8000)
        self.made: Counter[str] = Counter()
        self.held: dict[int, dict[str, object]] = {}
        self.skipped: set[int] = set()
        self.quarantined: Counter[str] = Counter()

    def teardown(self) -> None:
        """Compare at the end: made = held + dropped + quarantined, for each class."""
        while self.spool.acknowledged < self.spool.last:
            self.send(7)
        self.spool.close()
        dropped: Counter[str] = Counter()
        kept: Counter[str] = Counter()
        # What was delivered and then dropped counts as dropped: the agent cannot know.
        for event in (event for number, event in self.held.items() if number not in self.skipped):
            if event["ronda.kind"] == "spool.dropped":
                dropped.update(event["ronda.spool.dropped"])  # type: ignore[call-overload]
            else:
                kept[Severity(int(str(event["event.severity"]))).name.lower()] += 1
        self.made["medium"] += self.quarantined.total()  # the notices
        assert +self.made == kept + dropped + self.quarantined
        assert len(self.skipped) == dropped.total() + self.quarantined.total()
        shutil.rmtree(self.directory)

    @rule(severity=st.sampled_from(Severity), count=st.integers(1, 40), pad=st.integers(0, 300))
    def produce(self, severity: Severity, count: int, pad: int) -> None:
        """Hand over some events of one class."""
        self.spool.handover("s", 1, [sighting("p", severity, pad) for _ in range(count)])
        self.made[severity.name.lower()] += count

    @rule(limit=st.integers(1, 30))
    def send(self, limit: int) -> None:
        """Deliver one batch and acknowledge it."""
        batch = self.spool.pending(self.spool.acknowledged, limit)
        assert settled(batch) == list(range(batch.first, batch.last + 1))
        for body in batch.bodies:
            event = decode_event(body)
            self.held.setdefault(event["event.sequence"], event)
        for gap in batch.skipped:
            self.skipped.update(range(gap.first, gap.last + 1))
        self.spool.acknowledge(batch.epoch, batch.last)

    @rule(limit=st.integers(1, 30))
    def send_in_vain(self, limit: int) -> None:
        """Deliver a batch whose acknowledgement is lost."""
        for body in self.spool.pending(self.spool.acknowledged, limit).bodies:
            event = decode_event(body)
            self.held.setdefault(event["event.sequence"], event)

    @rule()
    def refuse(self) -> None:
        """Quarantine the oldest event, if it is an ordinary one that was never delivered."""
        batch = self.spool.pending(self.spool.acknowledged, 1)
        for body in batch.bodies:
            event = decode_event(body)
            if event["ronda.kind"] == "file.change" and event["event.sequence"] not in self.held:
                self.spool.quarantine(event["event.sequence"], "no")
                self.quarantined[Severity(event["event.severity"]).name.lower()] += 1

    @rule()
    def reopen(self) -> None:
        """Restart the agent."""
        epoch = self.spool.epoch
        self.spool.close()
        self.spool = open_spool(self.directory, max_bytes=8000)
        assert self.spool.epoch == epoch

    @invariant()
    def bounded(self) -> None:
        """The bound holds, tombstones apart."""
        status = self.spool.status()
        assert status.bytes <= 8000 + 400 * 50


SpoolMachine.TestCase.settings = settings(
    max_examples=_EXAMPLES, stateful_step_count=25, deadline=None
)
TestSpoolMachine = SpoolMachine.TestCase
