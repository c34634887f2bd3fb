"""What git can have done to a file, and what nobody can tell any more."""

from __future__ import annotations

import contextlib
import os

from collectors.files.compare import Row, row_of
from collectors.files.deploy.windows import PROTECTED
from collectors.files.hashing import Hasher
from collectors.files.scope import below
from collectors.kinds import FileChange
from collectors.paths import PathGuard

_NOT_GITS = frozenset({"acl", "capabilities", "flags"})


def makes(record: FileChange, path: bytes) -> bool:
    """Tell whether git could have made the change, the content aside. Pure.

    It puts a new file in the place of the old one: neither are mode, owner or access list of a
    file that stays changed, nor is anything given to it that git does not know of.
    """
    if record.action == "attributes" or _NOT_GITS.intersection(record.changed):
        return False
    if any(below(path, kept) for kept in PROTECTED) or record.capabilities:
        return False
    new = record.action == "created" or record.previous_mode is not None
    return not (new and record.type != "symlink" and int(record.mode or "0", 8) & 0o0002)


def stands(
    guard: PathGuard, hasher: Hasher, record: FileChange, path: bytes, there: Row | None
) -> bool:
    """Tell whether what a held change has led to is what stands *there* at *path* now.

    What came after it may be as the index has it while what it put there was not.
    """
    if record.action == "deleted" or record.type == "dir":
        return True
    if there is None or record.inode is None:
        return False
    if (record.inode, record.ctime) == (str(there.inode), there.ctime):
        return True
    if there.type == "symlink":
        with contextlib.suppress(OSError):
            return record.target == guard.display(guard.guard(os.readlink(path)))
        return False
    digest = hasher.hash(path, None).digest
    return digest is not None and record.sha256 == digest.hex()


def what_is(path: bytes) -> Row | None:
    """Return what stands at *path* now, not hashed."""
    try:
        return row_of(os.lstat(path))
    except OSError:
        return None
