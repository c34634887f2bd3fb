"""What the files sensor tells."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from collectors.kinds.base import Record, Scrubbed, Severity, ecs

WEB_ROOT = "web_root"
"""A value of `FileChange.place`."""


class FileChange(Record, frozen=True, kw_only=True, tag="file.change"):
    """A file, directory or link came, changed or went."""

    action: str = ecs("event.action")
    """``created``, ``modified``, ``attributes`` or ``deleted``."""
    path: Scrubbed = ecs("file.path")
    """Where; escaped and scrubbed."""
    type: str = ecs("file.type", "file")
    """``file``, ``dir``, ``symlink``, ``fifo``, ``socket``, ``device``."""
    found_by: str = ecs("ronda.file.found_by", "watch")
    """``watch`` (kernel event), ``reconcile`` (comparison with the baseline) or ``rehash``
    (content read again although nothing else had changed)."""
    outcome: str = ecs("ronda.file.outcome", "hashed")
    """Of hashing: ``hashed``, ``sampled``, ``unstable``, ``unreadable``, ``not_hashed``,
    ``gone``."""
    sha256: str | None = ecs("file.hash.sha256", None)
    """Lower-case hex of the whole content; absent unless the outcome is ``hashed``."""
    size: int | None = ecs("file.size", None)
    """Bytes."""
    mode: str | None = ecs("file.mode", None)
    """Octal permission bits, four digits."""
    uid: str | None = ecs("file.uid", None)
    """Numeric owner, as text (ECS)."""
    gid: str | None = ecs("file.gid", None)
    """Numeric group, as text (ECS)."""
    inode: str | None = ecs("file.inode", None)
    """Inode number, as text (ECS)."""
    mtime: int | None = ecs("file.mtime", None)
    """Last change of content, ns since 1970."""
    ctime: int | None = ecs("file.ctime", None)
    """Last change of inode, ns since 1970."""
    target: Scrubbed | None = ecs("file.target_path", None)
    """Where a symbolic link points."""
    previous_sha256: str | None = ecs("ronda.file.previous.sha256", None)
    """Hash before the change, when one was known."""
    previous_mode: str | None = ecs("ronda.file.previous.mode", None)
    """Mode before the change."""
    previous_uid: str | None = ecs("ronda.file.previous.uid", None)
    """Owner before the change."""
    path_token: str | None = ecs("ronda.path.token", None)
    """Present when the path was masked: finds the file by ``ronda-agent locate TOKEN``."""
    package: Scrubbed | None = ecs("ronda.package.name", None)
    """Package that owns the path by the manifests of the package manager."""
    package_state: str | None = ecs("ronda.package.state", None)
    """``differs`` (content, mode or owner are not what the package installs) or ``manifest`` (a
    manifest or script of the package manager changed, and no package of its log explains it)."""
    role: str | None = ecs("ronda.file.role", None)
    """What the file decides on this host: ``cron``, ``sudoers``, ``authorized_keys``,
    ``ld_preload``, ``systemd_unit``, ``ronda`` ..."""
    place: str | None = ecs("ronda.file.place", None)
    """``web_root``: it lies in one of the web roots of agent.toml."""
    techniques: tuple[str, ...] = ecs("threat.technique.id", ())
    """MITRE ATT&CK techniques that such a change may serve."""
    changed: tuple[str, ...] = ecs("ronda.file.changed", ())
    """What differs: ``content``, ``type``, ``target``, ``mode``, ``owner``, ``links``, ``acl``,
    ``capabilities``, ``flags``, ``selinux``, ``xattr``, ``times``."""
    growth: str | None = ecs("ronda.file.growth", None)
    """Of a file known to grow: ``appended``, ``rotated``, ``truncated`` or ``rewritten``."""
    diff: Scrubbed | None = ecs("ronda.file.diff", None)
    """Unified diff of a text configuration, secrets and identifiers masked, cut to 8 KiB."""
    superusers: tuple[Scrubbed, ...] = ecs("ronda.file.superusers", ())
    """Of /etc/passwd: accounts with number 0 besides root that are new or changed, 20 at most."""
    passwordless: tuple[Scrubbed, ...] = ecs("ronda.file.passwordless", ())
    """Of /etc/passwd and /etc/shadow: accounts that need no password, new or changed, 20 at
    most."""
    previous_size: int | None = ecs("ronda.file.previous.size", None)
    """Bytes before the change."""
    links: int | None = ecs("ronda.file.links", None)
    """Hard links, when more than one."""
    acl: Scrubbed | None = ecs("ronda.file.acl", None)
    """POSIX access list in the short text form of acl(5), when there is one."""
    capabilities: str | None = ecs("ronda.file.capabilities", None)
    """File capabilities in the text form of cap_to_text(3), when there are any."""
    flags: str | None = ecs("ronda.file.flags", None)
    """Inode flags as lsattr(1) writes them: ``a`` append only, ``i`` immutable."""
    selinux: Scrubbed | None = ecs("ronda.file.selinux", None)
    """SELinux label, when there is one."""
    previous_acl: Scrubbed | None = ecs("ronda.file.previous.acl", None)
    """Access list before the change."""
    previous_capabilities: str | None = ecs("ronda.file.previous.capabilities", None)
    """File capabilities before the change."""
    previous_flags: str | None = ecs("ronda.file.previous.flags", None)
    """Inode flags before the change."""
    executable: Scrubbed | None = ecs("process.executable", None)
    """Program that made the change."""
    pid: int | None = ecs("process.pid", None)
    """Its process."""
    parent: Scrubbed | None = ecs("process.parent.executable", None)
    """Program of the parent process."""
    user: str | None = ecs("user.id", None)
    """Numeric user of that process, as text (ECS)."""
    login: str | None = ecs("ronda.process.login", None)
    """Numeric user who logged in at first (loginuid), as text: stays through sudo and su."""
    confidence: str | None = ecs("ronda.process.confidence", None)
    """How the writer is known: ``kernel`` (the kernel named the process, its program was recorded
    when it started), ``proc`` (looked up in /proc afterwards) or ``guess``."""
    window: str | None = ecs("ronda.window.id", None)
    """Announced change window that the change falls into."""
    git: str | None = ecs("ronda.file.git", None)
    """In a git checkout: ``committed`` (as the index has it), ``modified`` or ``untracked``."""


class PackageChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one package in a transaction."""

    name: Scrubbed
    """With its architecture."""
    action: str
    """``install``, ``upgrade``, ``reinstall``, ``remove``, ``purge``, ``configure``, ``trigproc``
    or ``disappear``."""
    old: Scrubbed | None = None
    """Version before; None when it was not installed."""
    new: Scrubbed | None = None
    """Version after; None when it is gone."""
    proof: str | None = None
    """Of what was unpacked: ``archive`` (read, and named by a signed list of a repository),
    ``signature`` (its header in rpm's database is signed by a key that was trusted before) or
    ``none`` (only manifests on this host speak for it)."""
    digest: str | None = None
    """SHA-256 over path and SHA-256 of the files that it installed, as found on disk, without
    configuration and diversions: equal on all hosts with this version and list."""
    listed: str | None = None
    """Digest over the paths alone: which files `digest` stands for, as hosts watch different
    ones."""
    files: int = 0
    """How many files the digest stands for."""


class PackageStatement(msgspec.Struct, frozen=True, kw_only=True):
    """What a host has of one package."""

    name: Scrubbed
    """With its architecture."""
    version: Scrubbed
    """That is installed."""
    digest: str
    """As in `PackageChange`."""
    listed: str
    """As in `PackageChange`."""
    files: int
    """How many files the digest stands for."""


class PackageInventory(Record, frozen=True, kw_only=True, tag="package.inventory"):
    """What was installed before anything was compared: stated once, a hundred packages each."""

    packages: tuple[PackageStatement, ...] = ecs("ronda.package.stated")
    """One entry for each package of which something is watched."""
    count: int = ecs("ronda.package.count")
    """How many these are."""
    waiting: int = ecs("ronda.package.waiting")
    """How many packages will be stated in further events, at most."""


class PackageLeftover(msgspec.Struct, frozen=True, kw_only=True):
    """What the removal of packages took from one directory without owning it."""

    directory: Scrubbed
    """Where."""
    count: int
    """How many paths."""


class PackageTransaction(Record, frozen=True, kw_only=True, tag="package.transaction"):
    """The package manager ran: all changes of files that its manifests explain, as one event."""

    number: int = ecs("ronda.package.transaction")
    """Counts the transactions of this host; names the list of children that the host keeps."""
    packages: tuple[PackageChange, ...] = ecs("ronda.package.changes", ())
    """One entry for each package, the first 500."""
    names: tuple[Scrubbed, ...] = ecs("package.name", ())
    """Their names alone, for rules."""
    count: int = ecs("ronda.package.count", 0)
    """How many packages."""
    actions: dict[str, int] = ecs("ronda.package.actions")
    """Folded changes by action: ``created``, ``modified``, ``attributes``, ``deleted``."""
    total: int = ecs("ronda.package.children", 0)
    """How many changes are folded into this event."""
    unexplained: int = ecs("ronda.package.unexplained", 0)
    """Changes of the same time that no manifest explains: told one by one as ``file.change``."""
    unverified: int = ecs("ronda.package.unverified", 0)
    """Folded changes that rest on manifests of this host alone: no signed list of a repository
    names the archive they came from, or the archive was gone."""
    unproven: tuple[Scrubbed, ...] = ecs("ronda.package.unproven", ())
    """The packages of these, the first 500."""
    leftovers: tuple[PackageLeftover, ...] = ecs("ronda.package.leftovers", ())
    """Where the removal of packages took what no package owned, the 50 fullest directories."""
    left: int = ecs("ronda.package.left", 0)
    """How many paths that are in all; they are among the children."""
    sample: tuple[Scrubbed, ...] = ecs("ronda.package.sample", ())
    """Up to 10 of the paths."""
    digest: str = ecs("ronda.package.digest", "")
    """SHA-256 of the sorted list of children: action, path and hash of each."""
    begin: int = ecs("event.start")
    """ns since 1970."""
    end: int = ecs("event.end")
    """ns since 1970."""
    outcome: str = ecs("event.outcome", "closed")
    """``closed``, or ``expired``: it lasts longer than changes may be held back; another
    event follows."""


class BaselineRoot(Record, frozen=True, kw_only=True, tag="baseline.root"):
    """Commitment to the host's baseline: a baseline that was doctored no longer matches it."""

    default_severity: ClassVar[Severity] = Severity.FLOW

    action: str = ecs("event.action")
    """``changed`` (in the same transaction as the changes), ``scanned`` (a comparison of the whole
    tree has ended), ``opened`` (computed anew from the rows when the sensor started) or
    ``verified`` (computed anew while it ran)."""
    root: str = ecs("ronda.baseline.root")
    """Hex; the same for the same set of rows, in whatever order they came."""
    entries: int = ecs("ronda.baseline.entries")
    """Rows that it stands for."""
    stored: str | None = ecs("ronda.baseline.stored", None)
    """``opened`` and ``verified``: the root that was kept beside the rows; differs from the
    computed one when somebody else wrote the rows."""
    complete: bool = ecs("ronda.baseline.complete", True)
    """False until the first baseline of all roots is made."""
    verdict: str | None = ecs("ronda.baseline.verdict", None)
    """Given by the collector, whatever is sent: ``altered`` (the rows do not fit the root kept
    beside them) or ``replaced`` (they do, but it is not the root told last)."""


class BaselineAccepted(Record, frozen=True, kw_only=True, tag="baseline.accepted"):
    """Somebody on the host has accepted changes: they are the reference from now on."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    paths: tuple[Scrubbed, ...] = ecs("ronda.baseline.paths", ())
    """What was accepted, with everything below; empty: all."""
    reason: Scrubbed = ecs("event.reason")
    """In the words of who did it."""
    by: str = ecs("user.id")
    """Numeric user who gave the command (the login user where known), as text."""
    entries: int = ecs("ronda.baseline.entries", 0)
    """How many differences were accepted."""
    sample: tuple[Scrubbed, ...] = ecs("ronda.baseline.sample", ())
    """Up to 10 of them."""


class ChangeWindow(Record, frozen=True, kw_only=True, tag="change.window"):
    """An announced deployment: opened, closed, expired or refused."""

    default_severity: ClassVar[Severity] = Severity.MEDIUM

    action: str = ecs("event.action")
    """``opened``, ``closed``, ``expired`` or ``refused``."""
    window: str = ecs("ronda.window.id")
    """Stands on every change that falls into it."""
    paths: tuple[Scrubbed, ...] = ecs("ronda.window.paths", ())
    """Where changes are expected, with everything below."""
    reason: Scrubbed = ecs("event.reason")
    """In the words of who announced it; of a refusal, why."""
    by: str = ecs("user.id")
    """Numeric user who gave the command (the login user where known), as text."""
    begin: int = ecs("event.start")
    """ns since 1970."""
    until: int = ecs("event.end")
    """ns since 1970: when it ends, or ended."""
    actions: dict[str, int] = ecs("ronda.window.actions", {})
    """At the end: changes inside by action."""
    sample: tuple[Scrubbed, ...] = ecs("ronda.window.sample", ())
    """At the end: up to 10 of the paths."""
