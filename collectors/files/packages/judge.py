"""Whether a package explains a change. Pure, and strict: what is not proven is told.

A folded change has exactly one of the reasons below. The strongest is the package's archive, read
and found in a signed list: then manifests do not count. `proven` tells those that rest on a
manifest on this host which nothing vouches for; they fold, and are counted for people to see.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Set as AbstractSet

from collectors.files.packages import scripts
from collectors.files.packages.archive import Entry
from collectors.files.packages.case import Case, Disk, Rights
from collectors.files.packages.hold import Before
from collectors.files.packages.index import Owned
from collectors.files.packages.manifests import plain
from collectors.files.packages.places import (
    ALTERNATIVES,
    COMPILED,
    INFO,
    PASSING,
    info_of,
    origin,
    state_reason,
)
from collectors.kinds import FileChange

ARCHIVE, MANIFEST, CONFFILE, OWNED = "archive", "manifest", "conffile", "owned"
REMOVED, STATE, TRANSIENT = "removed", "state", "transient"
COMPILE, ALTERNATIVE, SPARE = "compiled", "alternative", "spare"

_WHOLE = re.compile(
    rb"\.(?:list|md5sums|conffiles|preinst|postinst|prerm|postrm|triggers|shlibs|symbols)\Z"
)
_SPECIAL = stat.S_ISUID | stat.S_ISGID
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_EXECUTE = 0o111
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink"}


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
    if case.disk is None or not case.acted.all:
        return None
    if case.packed or case.listed:
        return _explain_packed(case, case.disk)
    before = case.held[0].before
    if not plausible(before, case.disk, case.rights, case.override):
        return None
    kind = stat.S_IFMT(case.disk.mode)
    if kind == stat.S_IFREG:
        return _explain_file(case, case.disk)
    if kind == stat.S_IFDIR:
        cache = case.path.endswith(b"/__pycache__") and _acts(case.beside, case.acted.all)
        return OWNED if any(o.digest is None for o in _acting(case)) or cache else None
    return _explain_link(case, case.disk) if kind == stat.S_IFLNK else None


def proven(case: Case, why: str) -> bool:
    """Tell whether *why* rests on more than a manifest that anybody with root could have written.

    The manifest of a package that was not unpacked is the one known from before.
    """
    if why not in (MANIFEST, CONFFILE, OWNED, STATE, SPARE, scripts.LINK):
        return True
    if why == MANIFEST and case.listed:
        return False  # by a header that nobody signed
    unsealed = case.acted.unpacked - case.acted.sealed
    names = {plain(owner.package) for owner in case.owners}
    if case.disk is not None:
        names |= {plain(owner.package) for owner in case.disk.target}
    names.add(plain(info_of(case.path) or ""))
    if why == SPARE:
        names |= {plain(name) for name in case.beside}
    return not names & unsealed


def _explain_packed(case: Case, disk: Disk) -> str | None:
    """Tell by archive or header: type, content, mode and owner have to be as in there."""
    before = case.held[0].before
    if disk.extended:
        return None
    if any(_as_packed(case, disk, e, before) for e in case.packed):
        return case.proof
    return MANIFEST if any(_as_packed(case, disk, e, before) for e in case.listed) else None


def _as_packed(case: Case, disk: Disk, entry: Entry, before: Before | None) -> bool:
    if _KINDS.get(stat.S_IFMT(disk.mode)) != entry.kind:
        return False
    if entry.kind == "symlink":
        return disk.link == entry.link and disk.uid == case.rights.uid
    kept = before is not None and (before.mode, before.uid, before.gid) == disk[:3]
    rooted = (disk.uid, disk.gid) == case.rights and (entry.user, entry.group) == ("root", "root")
    mode = stat.S_IMODE(disk.mode)
    right = rooted and mode in (entry.mode, case.override)
    if entry.kind == "dir":  # dpkg leaves a directory that is there as it is
        return right or kept
    # A file that kept its rights is fine if they are the archive's, whoever owns it there.
    right = right or (kept and mode == entry.mode and entry.user != "root")
    return right and bool(entry.sha256) and disk.sha256 == entry.sha256


def _explain_link(case: Case, disk: Disk) -> str | None:
    """A manifest does not say where a link points: it has to be a file of the same packages."""
    sure = _acts(frozenset(owner.package for owner in disk.target), case.acted.all)
    if case.owners:
        links = all(owner.digest is None for owner in case.owners)
        return OWNED if sure and links and _acting(case) else None
    if case.path.startswith(ALTERNATIVES):
        return ALTERNATIVE if sure else None
    before = case.held[0].before
    if before is not None and not stat.S_ISLNK(before.mode):
        return None
    if disk.link.startswith(ALTERNATIVES):
        return ALTERNATIVE
    return scripts.LINK if scripts.links(case, disk, sure=sure) else None


def _explain_file(case: Case, disk: Disk) -> str | None:
    for owner in _acting(case):
        if owner.digest is not None and owner.digest in (disk.md5, disk.sha256):
            return CONFFILE if owner.conffile else MANIFEST
    if not all(owner.digest is None and owner.conffile for owner in case.owners):
        return None
    if state_reason(case.path, case.states) is not None:
        return STATE if disk.clean and not disk.mode & _EXECUTE else None
    if case.owners:
        return None  # made while the package works, not laid down by it
    if case.spare is not None:
        return SPARE if _spare(case, disk) else None
    package = info_of(case.path)
    if package is not None:
        return _explain_info(case, plain(package))
    if COMPILED.fullmatch(case.path) and disk.source and not disk.mode & _EXECUTE:
        return COMPILE if _acts(case.beside, case.acted.all) else None
    return scripts.copies(case, disk)


def _spare(case: Case, disk: Disk) -> bool:
    """Tell whether it is the file that stood at the configuration file, or the package's own."""
    saved = case.saved
    moved = saved is not None and (saved.mode, saved.uid, saved.gid) == disk[:3]
    if moved and saved and saved.sha256 and disk.sha256 == bytes.fromhex(saved.sha256):
        return True
    return any(_as_packed(case, disk, entry, None) for entry in case.fresh)


def _explain_info(case: Case, package: str) -> str | None:
    if case.info is not None:
        return ARCHIVE if case.info else None
    return STATE if package in case.acted.unpacked - case.acted.sealed else None


def _explain_gone(case: Case) -> str | None:
    if case.owners:
        return None
    changing = case.acted.unpacked | case.acted.removed
    before = frozenset(name for held in case.held for name in held.owners)
    if before:
        return REMOVED if _acts(before, changing) else None
    if state_reason(case.path, case.states) is not None or PASSING.fullmatch(case.path):
        return STATE if case.acted.all else None
    package = info_of(case.path)
    if package is not None:
        return STATE if plain(package) in changing else None
    if case.twin:
        return ALTERNATIVE
    if origin(case.path) is not None and _acts(case.beside, case.acted.all):
        compiled = COMPILED.fullmatch(case.path) or case.path.endswith(b"/__pycache__")
        return COMPILE if compiled else TRANSIENT
    return scripts.LEFTOVER if scripts.left_over(case) else None


def steps_explained(case: Case, why: str, known: AbstractSet[str]) -> list[bool]:
    """Return for each change of an explained path whether it is explained too.

    What stood there in between must have been what was there before or is there now; else
    somebody else had a hand in it. *known*: hashes of files that were verified or stood at owned
    paths before.
    """
    before, final = case.held[0].before, case.held[-1].record
    # dpkg renames a finished manifest into place; one that is written to is an attack.
    draft = case.gone or not (case.path.startswith(INFO) and _WHOLE.search(case.path))
    draft = draft and why in (TRANSIENT, STATE, COMPILE, ALTERNATIVE, scripts.BACKUP)
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
    """Tell whether it is what stood there, perhaps with fewer rights: scripts take them away."""
    mode = int(record.mode or "7777", 8)
    return (record.sha256, record.uid, record.gid) == (
        before.sha256,
        str(before.uid),
        str(before.gid),
    ) and not mode & ~before.mode


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


def _acting(case: Case) -> list[Owned]:
    """Return the owners whose claims count: a proven package claims what its archive has."""
    count = case.acted.all - case.acted.sealed
    return [owner for owner in case.owners if plain(owner.package) in count]


def _acts(packages: frozenset[str], acted: frozenset[str]) -> bool:
    return any(plain(name) in acted for name in packages)
