"""What the agent tells about itself and its sensors."""

from __future__ import annotations

from typing import ClassVar

from collectors.kinds.base import Record, Scrubbed, Severity, ecs


class VisibilityLost(Record, frozen=True, kw_only=True, tag="visibility.lost"):
    """A sensor was blind: from A to B because C. Nothing says what happened meanwhile."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    cause: str = ecs("ronda.visibility.cause")
    """``queue_overflow``, ``watch_limit``, ``permission``, ``unmounted``, ``suspended``,
    ``stopped``, ``crashed``, ``disk_full``, ``mounted_over``, ``baseline_lost``; of the network:
    ``packets_dropped``, ``interface_gone``, ``child_died``."""
    begin: int = ecs("event.start")
    """ns since 1970."""
    end: int | None = ecs("event.end", None)
    """ns since 1970; None while it lasts."""
    duration: int | None = ecs("event.duration", None)
    """ns from begin to end; None while it lasts."""
    detail: Scrubbed | None = ecs("event.reason", None)
    """One sentence for the operator."""
    directories: int = ecs("ronda.visibility.directories", 0)
    """How many directories are blind."""
    sample: tuple[Scrubbed, ...] = ecs("ronda.visibility.sample", ())
    """Up to 5 of them."""
    repaired: bool = ecs("ronda.visibility.repaired", False)
    """True when a later comparison with the baseline has found what changed meanwhile."""


class SensorState(Record, frozen=True, kw_only=True, tag="sensor.state"):
    """A sensor started, stopped, crashed or cannot run here."""

    name: str = ecs("ronda.sensor.name")
    """Entry point name."""
    state: str = ecs("event.action")
    """``started``, ``stopped``, ``crashed``, ``unsupported``, ``given_up``."""
    reason: Scrubbed | None = ecs("event.reason", None)
    """One sentence; for a crash the exception and its innermost frame."""
    restarts: int = ecs("ronda.sensor.restarts", 0)
    """Restarts since the agent started."""


class ChildCrashed(Record, frozen=True, kw_only=True, tag="child.crashed"):
    """A bounded child died or was killed."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    target: str = ecs("process.name")
    """What it ran."""
    cause: str = ecs("event.reason")
    """``timeout``, ``memory``, ``cpu``, ``signal``, ``exit``, ``protocol``."""
    detail: Scrubbed | None = ecs("error.message", None)
    """Signal name or exit code."""


class AgentState(Record, frozen=True, kw_only=True, tag="agent.state"):
    """The agent started, stopped or reloaded its configuration."""

    action: str = ecs("event.action")
    """``started``, ``stopping``, ``reloaded``, ``reload_refused``."""
    version: str = ecs("agent.version")
    """Of the agent."""
    boot_id: str | None = ecs("host.boot.id", None)
    """Of the kernel."""
    reason: Scrubbed | None = ecs("event.reason", None)
    """One sentence."""


class ClockSkew(Record, frozen=True, kw_only=True, tag="clock.skew"):
    """The host's clock differs from the collector's, or jumped."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    skew: float = ecs("ronda.clock.skew")
    """Seconds, host minus collector; positive means that the host is ahead."""
    cause: str = ecs("event.reason", "offset")
    """``offset`` or ``jump``."""


class SpoolDropped(Record, frozen=True, kw_only=True, tag="spool.dropped"):
    """Tombstone: the spool was full and these events are gone for good."""

    default_severity: ClassVar[Severity] = Severity.HIGH

    counts: dict[str, int] = ecs("ronda.spool.dropped")
    """Severity name to number of events."""
    first: int = ecs("ronda.spool.first")
    """Lowest sequence dropped."""
    last: int = ecs("ronda.spool.last")
    """Highest sequence dropped."""
    begin: int = ecs("event.start")
    """Creation time of the oldest dropped event, ns."""
    end: int = ecs("event.end")
    """Creation time of the newest, ns."""


class SpoolRecreated(Record, frozen=True, kw_only=True, tag="spool.recreated"):
    """The spool began anew: what it held unsent is not on its way."""

    default_severity: ClassVar[Severity] = Severity.HIGH

    cause: str = ecs("event.reason")
    """``corrupt``, ``missing``, ``rolled_back`` (an older copy of the spool was put back) or
    ``collector_restored`` (the collector acknowledges less than it did)."""
    previous_epoch: int = ecs("ronda.spool.previous_epoch")
    """0 when unknown."""
    kept_as: Scrubbed | None = ecs("file.path", None)
    """Where the damaged file was moved."""


class EventQuarantined(Record, frozen=True, kw_only=True, tag="event.quarantined"):
    """The collector refuses one event; it stays here: ``ronda-agent spool show --quarantine``."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    quarantined: int = ecs("ronda.spool.sequence")
    """Its sequence."""
    tag: str = ecs("ronda.spool.kind")
    """Its kind."""
    reason: Scrubbed = ecs("event.reason")
    """The collector's words."""
