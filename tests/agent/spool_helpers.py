"""Shared by the spool's tests."""

from __future__ import annotations

from pathlib import Path

from agent.spool import Pending, Spool
from collectors.event import open_envelope
from collectors.kinds import FileChange, Record, Scrubbed, Severity
from collectors.sighting import Sighting
from collectors.wire import decode_event


def sighting(name: str = "a", severity: Severity = Severity.LOW, pad: int = 0) -> Sighting:
    """Return a file change of about ``pad + 150`` bytes."""
    record = FileChange(action="created", path=Scrubbed(f"/{name}{'x' * pad}"), outcome="gone")
    return Sighting(record=record, observed=1, module="files", severity=severity)


def open_spool(directory: Path, max_bytes: int = 1 << 30, agent: str = "agent-1") -> Spool:
    """Open with small defaults."""
    return Spool(directory, agent=agent, max_bytes=max_bytes)


def flush(spool: Spool) -> None:
    """Wait until everything queued so far is durable."""
    spool.handover("flush", 1, [])


def settled(batch: Pending) -> list[int]:
    """Return the sequences that *batch* accounts for, in order; fails on overlaps."""
    numbers = [open_envelope(decode_event(body)).sequence for body in batch.bodies]
    for gap in batch.skipped:
        numbers.extend(range(gap.first, gap.last + 1))
    assert len(numbers) == len(set(numbers)), "a sequence is settled twice"
    return sorted(numbers)


def drain(spool: Spool, limit: int = 500) -> list[dict[str, object]]:
    """Read everything unacknowledged and check that no sequence is missing."""
    events: list[dict[str, object]] = []
    last = spool.last  # more may come while we read
    after = spool.acknowledged
    while not (batch := spool.pending(after, limit)).empty:
        assert batch.first == after + 1
        assert settled(batch) == list(range(batch.first, batch.last + 1))
        events += [decode_event(body) for body in batch.bodies]
        after = batch.last
    assert after >= last
    return events


def of_kind(events: list[dict[str, object]], kind: type[Record]) -> list[dict[str, object]]:
    """Return the events of one kind."""
    return [event for event in events if event["ronda.kind"] == kind.__struct_config__.tag]
