"""The kinds of record, one frozen struct each.

A field's wire name is its Elastic Common Schema 8 name; ``ronda.*`` where ECS has none.
Text fields that come from the host (paths, command lines, host names, messages) are of type
`Scrubbed`: only `collectors.redact` and `collectors.paths` make such text.
Adding a kind: a struct here, a golden file under tests/golden/wire, a line in docs/events.md.
"""

from __future__ import annotations

import enum
from typing import Any, ClassVar, NewType, TypeAlias

import msgspec

Scrubbed = NewType("Scrubbed", str)
"""Text that has passed the wall: identifiers masked, control and bidi characters escaped."""


class Severity(enum.IntEnum):
    """How much an event matters; also the order in which a full spool gives way (lowest first)."""

    FLOW = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


def _ecs(name: str, default: Any = msgspec.NODEFAULT) -> Any:
    return msgspec.field(name=name, default=default)


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="ronda.kind", omit_defaults=True):
    """Base of all kinds."""

    default_severity: ClassVar[Severity] = Severity.LOW


class FileChange(Record, frozen=True, kw_only=True, tag="file.change"):
    """A file, directory or link came, changed or went."""

    action: str = _ecs("event.action")
    """``created``, ``modified``, ``attributes`` or ``deleted``."""
    path: Scrubbed = _ecs("file.path")
    """Where; escaped and scrubbed."""
    type: str = _ecs("file.type", "file")
    """``file``, ``dir``, ``symlink``, ``fifo``, ``socket``, ``device``."""
    found_by: str = _ecs("ronda.file.found_by", "watch")
    """``watch`` (kernel event) or ``reconcile`` (comparison with the baseline)."""
    outcome: str = _ecs("ronda.file.outcome", "hashed")
    """Of hashing: ``hashed``, ``sampled``, ``unstable``, ``unreadable``, ``not_hashed``,
    ``gone``."""
    sha256: str | None = _ecs("file.hash.sha256", None)
    """Lower-case hex of the whole content; absent unless the outcome is ``hashed``."""
    size: int | None = _ecs("file.size", None)
    """Bytes."""
    mode: str | None = _ecs("file.mode", None)
    """Octal permission bits, four digits."""
    uid: str | None = _ecs("file.uid", None)
    """Numeric owner, as text (ECS)."""
    gid: str | None = _ecs("file.gid", None)
    """Numeric group, as text (ECS)."""
    inode: str | None = _ecs("file.inode", None)
    """Inode number, as text (ECS)."""
    mtime: int | None = _ecs("file.mtime", None)
    """Last change of content, ns since 1970."""
    ctime: int | None = _ecs("file.ctime", None)
    """Last change of inode, ns since 1970."""
    target: Scrubbed | None = _ecs("file.target_path", None)
    """Where a symbolic link points."""
    previous_sha256: str | None = _ecs("ronda.file.previous.sha256", None)
    """Hash before the change, when one was known."""
    previous_mode: str | None = _ecs("ronda.file.previous.mode", None)
    """Mode before the change."""
    previous_uid: str | None = _ecs("ronda.file.previous.uid", None)
    """Owner before the change."""
    path_token: str | None = _ecs("ronda.path.token", None)
    """Present when the path was masked: finds the file by ``ronda-agent locate TOKEN``."""
    package: Scrubbed | None = _ecs("ronda.package.name", None)
    """Package that owns the path by dpkg's manifests."""


class PackageChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one package in a transaction."""

    name: Scrubbed
    """With its architecture."""
    action: str
    """``install``, ``upgrade``, ``remove``, ``purge``, ``configure``, ``trigproc`` or
    ``disappear``."""
    old: Scrubbed | None = None
    """Version before; None when it was not installed."""
    new: Scrubbed | None = None
    """Version after; None when it is gone."""


class PackageTransaction(Record, frozen=True, kw_only=True, tag="package.transaction"):
    """The package manager ran: all changes of files that its manifests explain, as one event."""

    number: int = _ecs("ronda.package.transaction")
    """Counts the transactions of this host; names the list of children that the host keeps."""
    packages: tuple[PackageChange, ...] = _ecs("ronda.package.changes", ())
    """One entry for each package, the first 500."""
    names: tuple[Scrubbed, ...] = _ecs("package.name", ())
    """Their names alone, for rules."""
    count: int = _ecs("ronda.package.count", 0)
    """How many packages."""
    actions: dict[str, int] = _ecs("ronda.package.actions")
    """Folded changes by action: ``created``, ``modified``, ``attributes``, ``deleted``."""
    total: int = _ecs("ronda.package.children", 0)
    """How many changes are folded into this event."""
    unexplained: int = _ecs("ronda.package.unexplained", 0)
    """Changes of the same time that no manifest explains: told one by one as ``file.change``."""
    sample: tuple[Scrubbed, ...] = _ecs("ronda.package.sample", ())
    """Up to 10 of the paths."""
    digest: str = _ecs("ronda.package.digest", "")
    """SHA-256 of the sorted list of children: action, path and hash of each."""
    begin: int = _ecs("event.start")
    """ns since 1970."""
    end: int = _ecs("event.end")
    """ns since 1970."""
    outcome: str = _ecs("event.outcome", "closed")
    """``closed``, or ``expired``: it lasts longer than changes may be held back; another
    event follows."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How often one type of sensitive value stands in a file."""

    type: str
    """Identifier or credential type: ``nik``, ``kk``, ``npwp``, ``nip``, ``card``,
    ``private_key``, ``dsn`` ..."""
    count: int
    """Validated occurrences; a lower bound unless ``exact``."""
    distinct: int
    """Distinct values, counted up to the sketch size and estimated above it."""
    exact: bool = True
    """False when the file was sampled or counting was cut short."""
    confidence: float = 1.0
    """0 to 1, from validation, key or column context and column population."""
    column: Scrubbed | None = None
    """Column or key name next to the values."""
    samples: tuple[str, ...] = ()
    """At most 3 masked values."""
    tokens: tuple[str, ...] = ()
    """Bottom-k tokens (k=64 at most), hex, keyed: equal values meet across hosts."""


class SensitiveData(Record, frozen=True, kw_only=True, tag="exposure.finding"):
    """A file holds citizens' data or credentials."""

    default_severity: ClassVar[Severity] = Severity.HIGH

    path: Scrubbed = _ecs("file.path")
    """Which file; escaped and scrubbed."""
    tallies: tuple[Tally, ...] = _ecs("ronda.data.tallies")
    """One entry for each type found."""
    types: tuple[str, ...] = _ecs("ronda.data.types")
    """The types alone, for rules."""
    count: int = _ecs("ronda.data.count")
    """Sum over all types."""
    score: int = _ecs("ronda.data.score")
    """0 to 100: sensitivity, volume, combination, reachability."""
    reasons: tuple[str, ...] = _ecs("ronda.data.reasons", ())
    """Why the score is what it is: short keys such as ``in_web_root``, ``world_readable``."""
    reachable: str = _ecs("ronda.data.reachable", "unknown")
    """``web_root``, ``world_readable``, ``private`` or ``unknown``."""
    format: str = _ecs("ronda.data.format", "text")
    """``csv``, ``sql``, ``json``, ``text``, ``env`` ..."""
    outcome: str = _ecs("ronda.scan.outcome", "found")
    """``found`` or ``sampled``."""
    scanned: int = _ecs("ronda.scan.bytes", 0)
    """Bytes looked at."""
    size: int | None = _ecs("file.size", None)
    """Bytes of the file."""
    sha256: str | None = _ecs("file.hash.sha256", None)
    """Hash of the content that was looked at, when it was read whole."""
    inode: str | None = _ecs("file.inode", None)
    """Inode number, as text (ECS)."""
    mode: str | None = _ecs("file.mode", None)
    """Octal permission bits."""
    uid: str | None = _ecs("file.uid", None)
    """Numeric owner, as text."""
    mtime: int | None = _ecs("file.mtime", None)
    """ns since 1970."""
    url_path: Scrubbed | None = _ecs("url.path", None)
    """Path below the web root, as a browser would ask for it."""
    path_token: str | None = _ecs("ronda.path.token", None)
    """Present when the path was masked."""


class ExposureCleared(Record, frozen=True, kw_only=True, tag="exposure.cleared"):
    """A file that held sensitive data is gone, or no longer holds any."""

    path: Scrubbed = _ecs("file.path")
    """Which file."""
    reason: str = _ecs("event.reason")
    """``deleted`` or ``clean``."""
    path_token: str | None = _ecs("ronda.path.token", None)
    """Present when the path was masked."""


class ScanIncomplete(Record, frozen=True, kw_only=True, tag="exposure.incomplete"):
    """A file could not be looked into to the end: it is not clean, it is unknown."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    path: Scrubbed = _ecs("file.path")
    """Which file."""
    outcome: str = _ecs("ronda.scan.outcome")
    """``timed_out``, ``too_large``, ``unreadable``, ``crashed``, ``encrypted``, ``damaged``."""
    detail: Scrubbed | None = _ecs("event.reason", None)
    """What happened, one sentence."""
    path_token: str | None = _ecs("ronda.path.token", None)
    """Present when the path was masked."""


class VisibilityLost(Record, frozen=True, kw_only=True, tag="visibility.lost"):
    """A sensor was blind: from A to B because C. Nothing says what happened meanwhile."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    cause: str = _ecs("ronda.visibility.cause")
    """``queue_overflow``, ``watch_limit``, ``permission``, ``unmounted``, ``suspended``,
    ``stopped``, ``crashed``, ``disk_full``, ``mounted_over``, ``baseline_lost``."""
    begin: int = _ecs("event.start")
    """ns since 1970."""
    end: int | None = _ecs("event.end", None)
    """ns since 1970; None while it lasts."""
    detail: Scrubbed | None = _ecs("event.reason", None)
    """One sentence for the operator."""
    directories: int = _ecs("ronda.visibility.directories", 0)
    """How many directories are blind."""
    sample: tuple[Scrubbed, ...] = _ecs("ronda.visibility.sample", ())
    """Up to 5 of them."""
    repaired: bool = _ecs("ronda.visibility.repaired", False)
    """True when a later comparison with the baseline has found what changed meanwhile."""


class SensorState(Record, frozen=True, kw_only=True, tag="sensor.state"):
    """A sensor started, stopped, crashed or cannot run here."""

    name: str = _ecs("ronda.sensor.name")
    """Entry point name."""
    state: str = _ecs("event.action")
    """``started``, ``stopped``, ``crashed``, ``unsupported``, ``given_up``."""
    reason: Scrubbed | None = _ecs("event.reason", None)
    """One sentence; for a crash the exception and its innermost frame."""
    restarts: int = _ecs("ronda.sensor.restarts", 0)
    """Restarts since the agent started."""


class ChildCrashed(Record, frozen=True, kw_only=True, tag="child.crashed"):
    """A bounded child died or was killed."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    target: str = _ecs("process.name")
    """What it ran."""
    cause: str = _ecs("event.reason")
    """``timeout``, ``memory``, ``cpu``, ``signal``, ``exit``, ``protocol``."""
    detail: Scrubbed | None = _ecs("error.message", None)
    """Signal name or exit code."""


class AgentState(Record, frozen=True, kw_only=True, tag="agent.state"):
    """The agent started, stopped or reloaded its configuration."""

    action: str = _ecs("event.action")
    """``started``, ``stopping``, ``reloaded``, ``reload_refused``."""
    version: str = _ecs("agent.version")
    """Of the agent."""
    boot_id: str | None = _ecs("host.boot.id", None)
    """Of the kernel."""
    reason: Scrubbed | None = _ecs("event.reason", None)
    """One sentence."""


class ClockSkew(Record, frozen=True, kw_only=True, tag="clock.skew"):
    """The host's clock differs from the collector's, or jumped."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    skew: float = _ecs("ronda.clock.skew")
    """Seconds, host minus collector; positive means that the host is ahead."""
    cause: str = _ecs("event.reason", "offset")
    """``offset`` or ``jump``."""


class SpoolDropped(Record, frozen=True, kw_only=True, tag="spool.dropped"):
    """Tombstone: the spool was full and these events are gone for good."""

    default_severity: ClassVar[Severity] = Severity.HIGH

    counts: dict[str, int] = _ecs("ronda.spool.dropped")
    """Severity name to number of events."""
    first: int = _ecs("ronda.spool.first")
    """Lowest sequence dropped."""
    last: int = _ecs("ronda.spool.last")
    """Highest sequence dropped."""
    begin: int = _ecs("event.start")
    """Creation time of the oldest dropped event, ns."""
    end: int = _ecs("event.end")
    """Creation time of the newest, ns."""


class SpoolRecreated(Record, frozen=True, kw_only=True, tag="spool.recreated"):
    """The spool began anew: what it held unsent is not on its way."""

    default_severity: ClassVar[Severity] = Severity.HIGH

    cause: str = _ecs("event.reason")
    """``corrupt``, ``missing``, ``rolled_back`` (an older copy of the spool was put back) or
    ``collector_restored`` (the collector acknowledges less than it did)."""
    previous_epoch: int = _ecs("ronda.spool.previous_epoch")
    """0 when unknown."""
    kept_as: Scrubbed | None = _ecs("file.path", None)
    """Where the damaged file was moved."""


class EventQuarantined(Record, frozen=True, kw_only=True, tag="event.quarantined"):
    """The collector refuses one event; it stays here: ``ronda-agent spool show --quarantine``."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    quarantined: int = _ecs("ronda.spool.sequence")
    """Its sequence."""
    tag: str = _ecs("ronda.spool.kind")
    """Its kind."""
    reason: Scrubbed = _ecs("event.reason")
    """The collector's words."""


class AgentSilent(Record, frozen=True, kw_only=True, tag="agent.silent"):
    """Made by the collector: no sign of life for longer than the limit."""

    default_severity: ClassVar[Severity] = Severity.HIGH

    agent: str = _ecs("ronda.subject.agent")
    """Agent id."""
    host: Scrubbed = _ecs("ronda.subject.host")
    """Its host name."""
    since: int = _ecs("event.start")
    """Last sign of life, ns since 1970."""
    state: str = _ecs("event.action", "silent")
    """``silent`` or ``returned``."""


class AgentCloned(Record, frozen=True, kw_only=True, tag="agent.cloned"):
    """Made by the collector: two machines use one identity."""

    default_severity: ClassVar[Severity] = Severity.CRITICAL

    agent: str = _ecs("ronda.subject.agent")
    """Agent id."""
    hosts: tuple[Scrubbed, ...] = _ecs("ronda.subject.hosts")
    """Host names seen."""
    addresses: tuple[str, ...] = _ecs("source.ip", ())
    """Addresses seen."""


class IngestRejected(Record, frozen=True, kw_only=True, tag="ingest.rejected"):
    """Made by the collector: a batch or event of an agent was refused."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    agent: str = _ecs("ronda.subject.agent")
    """Agent id."""
    reason: str = _ecs("event.reason")
    """What was wrong."""
    count: int = _ecs("ronda.ingest.count", 1)
    """How many since the last such event."""


class CollectorState(Record, frozen=True, kw_only=True, tag="collector.state"):
    """Made by the collector about itself: started, disk watermark, a role that crashed."""

    action: str = _ecs("event.action")
    """``started``, ``stopping``, ``disk_warning``, ``disk_full``, ``disk_ok``, ``role_crashed``."""
    reason: str | None = _ecs("event.reason", None)
    """One sentence."""


Kind: TypeAlias = (
    FileChange
    | PackageTransaction
    | SensitiveData
    | ExposureCleared
    | ScanIncomplete
    | VisibilityLost
    | SensorState
    | ChildCrashed
    | AgentState
    | ClockSkew
    | SpoolDropped
    | SpoolRecreated
    | EventQuarantined
    | AgentSilent
    | AgentCloned
    | IngestRejected
    | CollectorState
)


class UnknownKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind from a newer agent: kept and shown as it came."""

    tag: str
    fields: dict[str, Any]


def tag_of(kind: type[Record]) -> str:
    """Return the wire tag of *kind*, for example ``file.change``."""
    return str(kind.__struct_config__.tag)


KINDS: dict[str, type[Record]] = {tag_of(kind): kind for kind in Record.__subclasses__()}
"""Tag to struct, for all kinds of this version."""
