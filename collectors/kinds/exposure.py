"""What the exposure sensor tells."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from collectors.kinds.base import Record, Scrubbed, Severity, ecs


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
    about: int | None = None
    """Estimate for the whole file, when it was sampled evenly after its first part."""
    confidence: float = 1.0
    """0 to 1, from validation, key or column context and column population."""
    column: Scrubbed | None = None
    """Column or key name next to the values."""
    samples: tuple[str, ...] = ()
    """At most 3 masked values."""
    tokens: tuple[str, ...] = ()
    """Bottom-k tokens (k=64 at most), hex, keyed: equal values meet across hosts."""
    registered: int | None = None
    """Of the different values, those that stand in a register of the operator's."""


class DataPart(msgspec.Struct, frozen=True, kw_only=True):
    """Where in a file values stand: a member of an archive, a sheet, a table, or all of it."""

    format: str
    """As in the finding."""
    count: int
    """Values in this part, all types together; a lower bound unless the tallies are exact."""
    types: tuple[str, ...]
    """Which types."""
    path: Scrubbed | None = None
    """Names inside the containers, the outermost first, with `` > `` between; None: the file."""
    row: int | None = None
    """Line or row of the first number, from 1."""
    page: int | None = None
    """Page of the first number, from 1."""
    offset: int | None = None
    """Bytes before the first number, in the text of the part as UTF-8."""


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """Parts of a file that could not be read, for one reason."""

    outcome: str
    """``encrypted``, ``damaged``, ``too_large``, ``timed_out``, ``unreadable``, ``unsupported``,
    ``crashed``: the scanner died and the part was left out."""
    count: int
    """How many parts."""
    detail: Scrubbed | None = None
    """Of the first one, one sentence."""
    path: Scrubbed | None = None
    """Of the first one: names inside the containers; None: the file itself."""


class SensitiveData(Record, frozen=True, kw_only=True, tag="exposure.finding"):
    """A file holds citizens' data or credentials."""

    default_severity: ClassVar[Severity] = Severity.HIGH

    path: Scrubbed = ecs("file.path")
    """Which file; escaped and scrubbed."""
    tallies: tuple[Tally, ...] = ecs("ronda.data.tallies")
    """One entry for each type found."""
    types: tuple[str, ...] = ecs("ronda.data.types")
    """The types alone, for rules."""
    count: int = ecs("ronda.data.count")
    """Sum over all types."""
    score: int = ecs("ronda.data.score")
    """0 to 100: sensitivity, volume, combination, reachability."""
    reasons: tuple[str, ...] = ecs("ronda.data.reasons", ())
    """Why the score is what it is: short keys such as ``in_web_root``, ``world_readable``."""
    reachable: str = ecs("ronda.data.reachable", "unknown")
    """``web_root``, ``world_readable``, ``private`` or ``unknown``."""
    format: str = ecs("ronda.data.format", "text")
    """``csv``, ``sql``, ``json``, ``text``, ``env`` ..."""
    outcome: str = ecs("ronda.scan.outcome", "found")
    """``found`` or ``sampled``."""
    scanned: int = ecs("ronda.scan.bytes", 0)
    """Bytes looked at."""
    parts: tuple[DataPart, ...] = ecs("ronda.data.parts", ())
    """Where in the file, up to 20 parts, the fullest first."""
    unread: tuple[Unread, ...] = ecs("ronda.scan.unread", ())
    """What in it could not be read: these parts are not clean but unknown."""
    canaries: tuple[str, ...] = ecs("ronda.data.canaries", ())
    """Ids of canaries in it that were not planted there."""
    registered: int = ecs("ronda.data.registered", 0)
    """Different people of the operator's registers whose numbers stand in it; exact up to 4,096."""
    confirmed: int = ecs("ronda.data.confirmed", 0)
    """Places where another column of the same person stands beside the number, of those that were
    looked at (up to 2,000)."""
    registers: tuple[str, ...] = ecs("ronda.data.registers", ())
    """Names of the registers."""
    size: int | None = ecs("file.size", None)
    """Bytes of the file."""
    sha256: str | None = ecs("file.hash.sha256", None)
    """Hash of the content that was looked at, when it was read whole."""
    inode: str | None = ecs("file.inode", None)
    """Inode number, as text (ECS)."""
    mode: str | None = ecs("file.mode", None)
    """Octal permission bits."""
    uid: str | None = ecs("file.uid", None)
    """Numeric owner, as text."""
    mtime: int | None = ecs("file.mtime", None)
    """ns since 1970."""
    url_path: Scrubbed | None = ecs("url.path", None)
    """Path below the web root, as a browser would ask for it."""
    url: Scrubbed | None = ecs("url.full", None)
    """The address at which a web server of this host hands it out, or refuses to."""
    served: str | None = ecs("ronda.web.served", None)
    """``downloadable``, ``listed`` (and its folder shows its name), ``forbidden``,
    ``not_served``, ``executed`` or ``unknown``; absent where no web server is configured."""
    checked: bool = ecs("ronda.web.checked", False)
    """True when a request over loopback gave that answer, not only the configuration."""
    path_token: str | None = ecs("ronda.path.token", None)
    """Present when the path was masked."""


class WebApplication(Record, frozen=True, kw_only=True, tag="exposure.application"):
    """A virtual host of a web server on this host, or an application in a folder of one. Told when
    it changes, and daily."""

    application: str = ecs("ronda.application.id")
    """Stays the same while its names, or else its folder, do."""
    names: tuple[Scrubbed, ...] = ecs("ronda.application.names")
    """Host names; empty when it answers to all."""
    path: Scrubbed = ecs("url.path", Scrubbed(""))
    """Empty for a whole site; where it is an application in a folder of a site, that folder."""
    state: str = ecs("ronda.application.state")
    """``active``, ``dormant`` (unchanged for 12 months, yet reachable), ``deactivated`` (switched
    off, yet its files are served), ``off`` or ``gone``."""
    server: str = ecs("service.type")
    """``nginx``, ``apache``, ``lighttpd`` or ``caddy``."""
    root: Scrubbed | None = ecs("file.directory", None)
    """Its folder."""
    ports: tuple[int, ...] = ecs("ronda.application.ports", ())
    """Where it answers."""
    listening: bool = ecs("ronda.application.listening", False)
    """Whether a program listens on one of them."""
    owner: str | None = ecs("ronda.application.owner", None)
    """OPD by the agent's settings, where a host serves several."""
    framework: str = ecs("ronda.application.framework", "")
    """``Laravel``, ``WordPress``, ``OJS`` ..., ``PHP``, ``static``; empty when unknown."""
    version: str = ecs("service.version", "")
    """Of the framework, when a file tells it."""
    changed: int | None = ecs("ronda.application.changed", None)
    """Newest modification time among its code files, ns since 1970."""
    files: int = ecs("ronda.application.files", 0)
    """Code files that were looked at."""
    complete: bool = ecs("ronda.application.complete", True)
    """False: there are more files than are looked at, or some could not be seen."""
    served_by: Scrubbed | None = ecs("ronda.application.served_by", None)
    """The site that serves the files of one that is switched off."""
    config: Scrubbed = ecs("ronda.application.config", Scrubbed(""))
    """File and line that describe it."""


class ExposureCleared(Record, frozen=True, kw_only=True, tag="exposure.cleared"):
    """A file that held sensitive data is gone, or no longer holds any."""

    path: Scrubbed = ecs("file.path")
    """Which file."""
    reason: str = ecs("event.reason")
    """``deleted`` or ``clean``."""
    path_token: str | None = ecs("ronda.path.token", None)
    """Present when the path was masked."""


class ScanIncomplete(Record, frozen=True, kw_only=True, tag="exposure.incomplete"):
    """A file could not be looked into to the end: it is not clean, it is unknown."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    path: Scrubbed = ecs("file.path")
    """Which file."""
    outcome: str = ecs("ronda.scan.outcome")
    """``timed_out``, ``too_large``, ``unreadable``, ``crashed``, ``encrypted``, ``damaged``,
    ``unsupported``."""
    detail: Scrubbed | None = ecs("event.reason", None)
    """What happened, one sentence."""
    unread: tuple[Unread, ...] = ecs("ronda.scan.unread", ())
    """Which parts of a container; nothing was found in the others."""
    path_token: str | None = ecs("ronda.path.token", None)
    """Present when the path was masked."""
