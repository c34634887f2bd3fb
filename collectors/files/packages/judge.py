"""Whether a package explains a change. Pure, and strict: what is not proven is told.

A folded change has exactly one of the reasons below. Two groups cannot be checked against a
manifest, dpkg's own state and what its triggers make; they are named path by path.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from collectors.files.packages.hold import Before, Held
from collectors.files.packages.index import Owned
from collectors.files.packages.manifests import info_package, plain
from collectors.kinds import FileChange, Severity

MANIFEST, CONFFILE, OWNED, REMOVED = "manifest", "conffile", "owned", "removed"
STATE, TRANSIENT, COMPILED, ALTERNATIVE = "state", "transient", "compiled", "alternative"

INFO = b"/var/lib/dpkg/info/"

_WHOLE = re.compile(
    rb"\.(?:list|md5sums|conffiles|preinst|postinst|prerm|postrm|triggers|shlibs|symbols)\Z"
)

NEVER_PACKAGED = re.compile(
    rb"/(?:home|root|srv|tmp|usr/local|var/tmp|var/www|mnt|media|run|dev)(?:/|\Z)"
    rb"|/etc/(?:ld\.so\.preload|passwd|shadow|group|gshadow|subuid|subgid)\Z"
)
"""No package ships these (Debian policy 9.1 and base-files): what changes there is told at once."""

STATES = tuple(
    (re.compile(pattern, re.ASCII), reason)
    for pattern, reason in (
        (
            rb"/var/lib/dpkg/(?:status|available|diversions)(?:-old|-new)?",
            "dpkg's database of packages, rewritten by each run",
        ),
        (rb"/var/lib/dpkg/(?:lock|lock-frontend)", "dpkg's locks"),
        (rb"/var/lib/dpkg/updates/(?:\d{4,}|tmp\.i)", "dpkg's journal of its status"),
        (
            rb"/var/lib/dpkg/triggers/(?:File|Unincorp|Lock|[a-z0-9][a-z0-9+.-]*)(?:\.new)?",
            "dpkg's pending triggers",
        ),
        (rb"/var/lib/dpkg/tmp\.ci(?:/[a-z0-9]+)?", "where dpkg unpacks control files"),
        (
            rb"/var/lib/dpkg/info/format(?:-new)?",
            "version of dpkg's database",
        ),
        (rb"/var/cache/apt/(?:src)?pkgcache\.bin(?:\.[A-Za-z0-9]{6})?", "apt's cache"),
        (
            rb"/var/cache/apt/archives/(?:partial/)?[A-Za-z0-9.+_%~-]+\.deb(?:\.FAILED)?",
            "packages that apt fetched; dpkg checks what it unpacks",
        ),
        (rb"/var/cache/apt/archives/lock", "apt's lock"),
        (
            rb"/var/lib/apt/extended_states(?:\.[A-Za-z0-9]{6})?",
            "which packages came by themselves",
        ),
        (
            rb"/var/log/(?:dpkg\.log|alternatives\.log|apt/(?:history\.log|term\.log|eipp\.log\.xz))",
            "logs of dpkg and apt",
        ),
        (rb"/etc/ld\.so\.cache~?", "written by ldconfig, which libc-bin's trigger runs"),
        (rb"/var/cache/ldconfig/aux-cache~?", "written by ldconfig, which libc-bin's trigger runs"),
    )
)
PASSING = re.compile(rb"/etc/(?:passwd|group|shadow|gshadow|subuid|subgid)(?:\+|\.lock|\.\d+)")
"""Locks and drafts of the tools that maintainer scripts make users with; folded only when gone.
The files themselves are told."""
_ALTERNATIVES = b"/etc/alternatives/"
_COMPILED = re.compile(
    rb"(.*)/__pycache__/([^/]+)\.cpython-\d{2,4}(?:\.opt-[12])?\.pyc(?:\.\d+)?", re.DOTALL
)
_TRANSIENT = re.compile(rb"(.+)\.dpkg-(?:new|tmp)", re.DOTALL)
_SPECIAL = stat.S_ISUID | stat.S_ISGID
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_EXECUTE = 0o111


class Rights(NamedTuple):
    """Who may own what packages install."""

    uid: int
    gid: int


class Disk(NamedTuple):
    """What stands at the path when it is judged."""

    mode: int
    uid: int
    gid: int
    md5: bytes | None = None
    extended: bool = False
    """It has capabilities, an ACL or other attributes that no manifest speaks of."""
    link: bytes = b""
    """What a symbolic link says."""
    target: tuple[Owned, ...] = ()
    """Owners of what it points to."""
    source: bool = False
    """It is byte code made from the source file beside it, as its header says."""
    clean: bool = True
    """All paths in it belong to packages (the cache of the dynamic linker)."""


class Case(NamedTuple):
    """All that is known about one path at the end of a transaction."""

    path: bytes
    """Below the root of the packages, with a leading slash."""
    held: Sequence[Held]
    acted: frozenset[str]
    """Plain names of the packages that dpkg.log names."""
    owners: Sequence[Owned]
    """By the new manifests."""
    beside: frozenset[str]
    """Packages that own, or owned, the file this one is made from: see `origin`."""
    twin: bool
    """The path it stands in for was explained as an alternative."""
    disk: Disk | None
    """None: nothing is there, or not what was seen."""
    gone: bool
    rights: Rights
    override: int | None = None
    """The administrator's mode."""


def origin(path: bytes) -> bytes | None:
    """Return the path that *path* is made from or stands in for, if its name says so."""
    compiled = _COMPILED.fullmatch(path)
    if compiled:
        return compiled[1] + b"/" + compiled[2] + b".py"
    if path.endswith(b"/__pycache__"):
        return path[: -len(b"/__pycache__")]
    transient = _TRANSIENT.fullmatch(path)
    return transient[1] if transient else None


def hopeless(record: FileChange, before: Before | None) -> bool:
    """Tell whether a change can never be folded, so that it need not wait."""
    if record.mode is None or record.type not in ("file", "dir"):
        return False
    mode = int(record.mode, 8)
    had = before.mode if before is not None else 0
    special = _SPECIAL if record.type == "file" else 0
    return bool(mode & (special | stat.S_IWOTH) & ~had)


def explain(case: Case) -> str | None:
    """Return why the last state of the path is as it should be, None where it is not."""
    final = case.held[-1].record
    if final.action == "deleted" or final.outcome == "gone":
        return _explain_gone(case) if case.gone else None
    if case.disk is None:
        return None
    kind = stat.S_IFMT(case.disk.mode)
    if not case.acted:
        return None
    before = case.held[0].before
    if not plausible(before, case.disk, case.rights, case.override):
        return None
    if kind == stat.S_IFREG:
        return _explain_file(case, case.disk)
    owners = _acting(case)
    if kind == stat.S_IFDIR:
        cache = case.path.endswith(b"/__pycache__") and _acts(case.beside, case.acted)
        return OWNED if any(o.md5 is None for o in owners) or cache else None
    return _explain_link(case, case.disk) if kind == stat.S_IFLNK else None


def _explain_link(case: Case, disk: Disk) -> str | None:
    """A manifest does not say where a link points: it has to be a file of the same packages."""
    sure = any(plain(owner.package) in case.acted for owner in disk.target)
    if case.owners:
        links = all(owner.md5 is None for owner in case.owners)
        return OWNED if sure and links and _acting(case) else None
    if case.path.startswith(_ALTERNATIVES):
        return ALTERNATIVE if sure else None
    before = case.held[0].before
    fresh = before is None or stat.S_ISLNK(before.mode)
    return ALTERNATIVE if fresh and disk.link.startswith(_ALTERNATIVES) else None


def _explain_file(case: Case, disk: Disk) -> str | None:
    for owner in _acting(case):
        if owner.md5 is not None and owner.md5 == disk.md5:
            return CONFFILE if owner.conffile else MANIFEST
    if case.owners:
        return None
    if state_reason(case.path) is not None:
        return STATE if disk.clean and not disk.mode & _EXECUTE else None
    package = info_of(case.path)
    if package is not None:
        return STATE if plain(package) in case.acted else None
    if _COMPILED.fullmatch(case.path) and disk.source and not disk.mode & _EXECUTE:
        return COMPILED if _acts(case.beside, case.acted) else None
    return None


def _explain_gone(case: Case) -> str | None:
    if case.owners:
        return None
    before = frozenset(name for held in case.held for name in held.owners)
    if before:
        return REMOVED if _acts(before, case.acted) else None
    if state_reason(case.path) is not None:
        return STATE if case.acted else None
    package = info_of(case.path)
    if package is not None:
        return STATE if plain(package) in case.acted else None
    if PASSING.fullmatch(case.path) and case.acted:
        return STATE
    if case.twin:
        return ALTERNATIVE
    if _acts(case.beside, case.acted):
        compiled = _COMPILED.fullmatch(case.path) or case.path.endswith(b"/__pycache__")
        return COMPILED if compiled else TRANSIENT
    return None


def steps_explained(case: Case, why: str, known: AbstractSet[str]) -> list[bool]:
    """Return for each change of an explained path whether it is explained too.

    What stood there in between must have been what was there before or is there now; else
    somebody else had a hand in it. *known*: hashes of files that were verified or stood at owned
    paths before.
    """
    before, final = case.held[0].before, case.held[-1].record
    # dpkg renames a finished manifest into place; one that is written to is an attack.
    draft = case.gone or not (case.path.startswith(INFO) and _WHOLE.search(case.path))
    draft = draft and why in (TRANSIENT, STATE, COMPILED, ALTERNATIVE)
    answers = []
    for index, each in enumerate(case.held):
        record = each.record
        if index == len(case.held) - 1 or record.action == "deleted" or record.mode is None:
            fine = True
        elif hopeless(record, before):
            fine = False
        elif _same(record, final) or (before is not None and _as_before(record, before)):
            fine = True
        else:
            # Nobody may run what dpkg has not finished; finished, it is a file that we know.
            fine = draft and (
                record.type != "file"
                or record.sha256 in known
                or not int(record.mode, 8) & _EXECUTE
            )
        answers.append(fine)
    return answers


def _same(one: FileChange, other: FileChange) -> bool:
    return (one.type, one.sha256, one.mode, one.uid, one.gid, one.target) == (
        other.type,
        other.sha256,
        other.mode,
        other.uid,
        other.gid,
        other.target,
    )


def _as_before(record: FileChange, before: Before) -> bool:
    return (record.sha256, record.mode, record.uid, record.gid) == (
        before.sha256,
        f"{before.mode & 0o7777:04o}",
        str(before.uid),
        str(before.gid),
    )


def weigh(
    path: bytes, owners: Sequence[Owned], record: FileChange, md5: bytes | None
) -> Severity | None:
    """Return how much a change counts that no transaction explains; None: as any other file.

    *path* is below the root of the packages; *md5* is that of the content now.
    """
    if path.startswith(INFO):
        return Severity.HIGH
    firm = [owner for owner in owners if not owner.conffile]
    sums = {owner.md5 for owner in firm if owner.md5 is not None}
    if not firm or record.type == "dir":
        return None
    if record.action == "deleted" or record.type != "file":
        return Severity.MEDIUM
    rights = record.previous_mode is not None or record.previous_uid is not None
    return Severity.MEDIUM if rights or not sums or md5 not in sums else None


def plausible(before: Before | None, disk: Disk, rights: Rights, override: int | None) -> bool:
    """Tell whether mode and owner are what a package may leave behind."""
    if disk.extended:
        return False
    if before is not None and (before.mode, before.uid, before.gid) == disk[:3]:
        return True
    if stat.S_ISLNK(disk.mode):
        return disk.uid == rights.uid
    if before is not None and stat.S_IFMT(before.mode) == stat.S_IFMT(disk.mode):
        # Same kind of thing with other rights: rare in packages, common in attacks.
        return override is not None and override == stat.S_IMODE(disk.mode)
    if (disk.uid, disk.gid) != rights:
        return False
    if override is not None and override == stat.S_IMODE(disk.mode):
        return True
    return not disk.mode & (_SPECIAL | _OTHERS)


def state_reason(path: bytes) -> str | None:
    """Return why *path* is state of the package manager itself, None where it is not."""
    return next((reason for pattern, reason in STATES if pattern.fullmatch(path)), None)


def info_of(path: bytes) -> str | None:
    """Return the package that *path* is a manifest or script of."""
    return info_package(path[len(INFO) :]) if path.startswith(INFO) else None


def _acting(case: Case) -> list[Owned]:
    return [owner for owner in case.owners if plain(owner.package) in case.acted]


def _acts(packages: frozenset[str], acted: frozenset[str]) -> bool:
    return any(plain(name) in acted for name in packages)
