"""What the collector tells."""

from __future__ import annotations

from typing import ClassVar

from collectors.kinds.base import Record, Scrubbed, Severity, ecs


class AgentSilent(Record, frozen=True, kw_only=True, tag="agent.silent"):
    """Made by the collector: no sign of life for longer than the limit."""

    collector_only: ClassVar[bool] = True
    default_severity: ClassVar[Severity] = Severity.HIGH

    agent: str = ecs("ronda.subject.agent")
    """Agent id."""
    host: Scrubbed = ecs("ronda.subject.host")
    """Its host name."""
    since: int = ecs("event.start")
    """Last sign of life, ns since 1970."""
    state: str = ecs("event.action", "silent")
    """``silent`` or ``returned``."""


class AgentCloned(Record, frozen=True, kw_only=True, tag="agent.cloned"):
    """Made by the collector: two machines use one identity."""

    collector_only: ClassVar[bool] = True
    default_severity: ClassVar[Severity] = Severity.CRITICAL

    agent: str = ecs("ronda.subject.agent")
    """Agent id."""
    hosts: tuple[Scrubbed, ...] = ecs("ronda.subject.hosts")
    """Host names seen."""
    addresses: tuple[str, ...] = ecs("source.ip", ())
    """Addresses seen."""


class PackageDiffers(Record, frozen=True, kw_only=True, tag="package.differs"):
    """Made by the collector: the files of a package are not what other hosts have under the same
    version."""

    collector_only: ClassVar[bool] = True
    default_severity: ClassVar[Severity] = Severity.HIGH

    agent: str = ecs("ronda.subject.agent")
    """Agent id of the host that differs."""
    host: Scrubbed = ecs("ronda.subject.host")
    """Its host name."""
    package: Scrubbed = ecs("package.name")
    """With its architecture."""
    version: Scrubbed = ecs("package.version")
    """That all of them have."""
    digest: str = ecs("ronda.package.digest")
    """What this host tells."""
    expected: str = ecs("ronda.package.expected")
    """What most hosts tell."""
    files: int = ecs("ronda.package.files", 0)
    """How many files the digests stand for."""
    agree: int = ecs("ronda.package.agree")
    """How many hosts agree."""
    others: int = ecs("ronda.package.others")
    """How many hosts do not, this one included."""
    consensus: str = ecs("ronda.package.consensus", "clear")
    """``clear`` (three hosts or more, and twice the others) or ``few`` (two against one: the odd
    one is named, but the two may be those that were altered)."""


class NetworkSweep(Record, frozen=True, kw_only=True, tag="network.sweep"):
    """Made by the collector: one source had first contacts that failed with several hosts within a
    day."""

    collector_only: ClassVar[bool] = True
    default_severity: ClassVar[Severity] = Severity.MEDIUM

    source: str = ecs("source.ip")
    """Who tried."""
    hosts: int = ecs("ronda.fleet.hosts")
    """Hosts of the fleet at which it failed."""
    names: tuple[Scrubbed, ...] = ecs("ronda.subject.hosts", ())
    """Names of at most 8 of them."""
    failed: int = ecs("ronda.finding.count")
    """First contacts that failed, of all hosts."""
    ports: tuple[int, ...] = ecs("destination.port", ())
    """Ports that were tried, at most 16."""
    begin: int = ecs("event.start")
    """First of them, ns since 1970."""
    end: int = ecs("event.end")
    """Last of them."""
    inside: bool = ecs("ronda.fleet.inside", False)
    """Whether the source has a private address; from outside this is everyday."""


class IngestRejected(Record, frozen=True, kw_only=True, tag="ingest.rejected"):
    """Made by the collector: a batch or event of an agent was refused."""

    collector_only: ClassVar[bool] = True
    default_severity: ClassVar[Severity] = Severity.MEDIUM

    agent: str = ecs("ronda.subject.agent")
    """Agent id."""
    reason: str = ecs("event.reason")
    """What was wrong."""
    count: int = ecs("ronda.ingest.count", 1)
    """How many since the last such event."""


class CollectorState(Record, frozen=True, kw_only=True, tag="collector.state"):
    """Made by the collector about itself: started, disk watermark, a role that crashed."""

    collector_only: ClassVar[bool] = True

    action: str = ecs("event.action")
    """``started``, ``stopping``, ``disk_warning``, ``disk_full``, ``disk_ok``, ``role_crashed``."""
    reason: str | None = ecs("event.reason", None)
    """One sentence."""
