"""Is the collector healthy, and if not, why? Pure: facts in, sentences out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_LAG = 30.0
"""Seconds that detection may be behind the newest event; a burst is worked off in less."""
MAX_WAIT = 300.0
"""Seconds that a notification may wait beyond its due time."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was measured. Durations are in seconds."""

    roles_down: Sequence[str] = ()
    """One sentence each."""
    silent: Sequence[str] = ()
    """``host (OPD)`` of agents without a sign of life."""
    unhealthy: Sequence[str] = ()
    """``host (OPD): problem``."""
    cloned: Sequence[str] = ()
    detection_lag: float = 0.0
    detection_events: int = 0
    """Events that no rule has looked at yet."""
    outbox_failed: Sequence[str] = ()
    """Channels whose last delivery failed, with the error."""
    outbox_overdue: float = 0.0
    disk_percent: float = 0.0
    disk_warn: float = 85.0
    disk_stop: float = 95.0
    rule_errors: Sequence[str] = field(default_factory=tuple)


def problems(facts: Facts) -> list[str]:
    """Return one sentence for each reason why the collector is not healthy, the gravest first."""
    found = [*facts.roles_down]
    if facts.disk_percent >= facts.disk_stop:
        found.append(
            f"the disk is {facts.disk_percent:.0f} % full: nothing more is stored; "
            "free space or lower retention_days"
        )
    elif facts.disk_percent >= facts.disk_warn:
        found.append(
            f"the disk is {facts.disk_percent:.0f} % full; "
            f"at {facts.disk_stop:.0f} % the collector stops storing"
        )
    if facts.detection_lag > MAX_LAG:
        found.append(
            f"detection is {facts.detection_lag:.0f} s behind ({facts.detection_events} events); "
            "see: journalctl -u ronda-server"
        )
    found += [f"notifications fail on {channel}" for channel in facts.outbox_failed]
    if facts.outbox_overdue > MAX_WAIT:
        found.append(f"a notification waits {facts.outbox_overdue:.0f} s beyond its time")
    found += [
        f"two machines use the identity of {name}; revoke it: ronda hosts revoke"
        for name in facts.cloned
    ]
    found += [f"no sign of life from {name}" for name in facts.silent]
    found += [f"agent on {text}" for text in facts.unhealthy]
    found += [f"rule {text}" for text in facts.rule_errors]
    return found
