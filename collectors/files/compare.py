"""Rows of the baseline, and what a difference between two of them means. Pure."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from collectors.files.attributes import NONE, Attributes
from collectors.files.tree import type_of

OUTCOMES = ("hashed", "sampled", "unstable", "unreadable", "not_hashed", "gone")

RACY_NS = 50_000_000
"""A change this close to our look may have a twin in the same clock tick (1-4 ms before
kernel 6.13) that leaves no trace in the signature: such a file is hashed again next time, as git
does. Wide, because the clock that stamps files lags behind the one we read."""


class Row(NamedTuple):
    """What the baseline knows about one name."""

    inode: int
    device: int
    ctime: int
    mtime: int
    size: int
    mode: int
    uid: int
    gid: int
    outcome: str = "not_hashed"
    digest: bytes | None = None
    again: bool = False
    """Hash at the next look even if the signature is the same."""
    silent: bool = False
    """Recorded by the first baseline, never told."""
    attributes: Attributes | None = NONE
    """None: not known (recorded by a version that did not look)."""

    @property
    def type(self) -> str:
        """Return the ``file.type``."""
        return type_of(self.mode)

    @property
    def signature(self) -> tuple[int, ...]:
        """What must be equal for the content to be taken as unchanged."""
        return self[:8]


def row_of(state: os.stat_result) -> Row:
    """Return a row without a digest."""
    return Row(
        inode=state.st_ino,
        device=state.st_dev,
        ctime=state.st_ctime_ns,
        mtime=state.st_mtime_ns,
        size=state.st_size,
        mode=state.st_mode,
        uid=state.st_uid,
        gid=state.st_gid,
    )


def racy(ctime: int, looked: int) -> bool:
    """Tell whether a file with this *ctime* must not be trusted when looked at then (both ns)."""
    return ctime >= looked - RACY_NS


def classify(old: Row, new: Row) -> str | None:
    """Return the action that leads from *old* to *new*: ``modified``, ``attributes`` or None.

    Device numbers may change with a reboot; inode and ctime then say nothing.
    """
    if stat.S_IFMT(old.mode) != stat.S_IFMT(new.mode):
        return "modified"
    same_device = old.device == new.device
    if same_device and old.inode != new.inode:
        return "modified"
    rights = (old.mode, old.uid, old.gid) != (new.mode, new.uid, new.gid)
    rights = rights or bool(_attributes_changed(old, new))
    if new.type not in ("file", "symlink"):
        # Times of directories and pipes change with their use.
        return "attributes" if rights else None
    if _content_changed(old, new):
        return "modified"
    if rights or old.mtime != new.mtime or (same_device and old.ctime != new.ctime):
        return "attributes"
    return None


def differences(old: Row, new: Row) -> tuple[str, ...]:
    """Return what differs, in the words of ``ronda.file.changed``.

    Times are named where nothing else differs, and where mtime went back: content that was
    written now does not have an earlier time by itself.
    """
    if stat.S_IFMT(old.mode) != stat.S_IFMT(new.mode):
        return ("type",)
    found = []
    if new.type in ("file", "symlink") and _content_changed(old, new):
        found.append("target" if new.type == "symlink" else "content")
    if old.mode != new.mode:
        found.append("mode")
    if (old.uid, old.gid) != (new.uid, new.gid):
        found.append("owner")
    found += _attributes_changed(old, new)
    if new.mtime < old.mtime or (not found and (old.mtime, old.ctime) != (new.mtime, new.ctime)):
        found.append("times")
    return tuple(found)


def _attributes_changed(old: Row, new: Row) -> list[str]:
    before, now = old.attributes, new.attributes
    if before is None or now is None or before == now:
        return []
    # "xattr": all others, told by a digest only.
    words = ("links", "acl", "capabilities", "flags", "selinux", "xattr")
    return [word for word, one, other in zip(words, before, now, strict=True) if one != other]


def _content_changed(old: Row, new: Row) -> bool:
    if old.outcome == new.outcome and old.digest is not None and new.digest is not None:
        return old.digest != new.digest
    if old.outcome == "unstable" and new.digest is not None:
        return True  # what was told last was not final
    return (old.size, old.mtime) != (new.size, new.mtime)
