"""Comparing a file with what the index of its checkout has, as git itself does."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

from collectors.files.compare import Row
from collectors.files.hashing import open_file

COMMITTED, MODIFIED, UNTRACKED = "committed", "modified", "untracked"
_CHUNK = 1 << 20
_SETTLED_NS = 10_000_000_000
"""A deletion counts as git's when the index was written so short a time before."""


class Entry(NamedTuple):
    """What the index has of a file."""

    flags: int
    oid: bytes
    numbers: tuple[int, ...]
    """ctime s, ns, mtime s, ns, dev, ino, mode, uid, gid, size; 32 bits each."""


class Listing(NamedTuple):
    """What the index has of a directory."""

    known: bool
    """Something in it or below it is tracked."""
    entries: dict[bytes, Entry]
    written: int
    """mtime of the index, ns."""
    changed: int
    """ctime of the index, ns."""

    def recent(self, now: int) -> bool:
        """Tell whether a deletion at *now*, ns, may be what wrote the index."""
        return abs(now - self.changed) < _SETTLED_NS


def unchanged(entry: Entry, row: Row, written: int) -> bool:
    """Tell whether git itself would take the file for unchanged, by stat(2) alone. Pure.

    *written*: mtime of the index; what was changed no earlier may have changed since (racy git).
    """
    low = 0xFFFFFFFF
    (mtime, mtime_ns), (ctime, ctime_ns) = divmod(row.mtime, 10**9), divmod(row.ctime, 10**9)
    numbers = entry.numbers
    if (numbers[9], numbers[5]) != (row.size & low, row.inode & low) or row.mtime >= written:
        return False
    if (numbers[7], numbers[8]) != (row.uid & low, row.gid & low):
        return False
    # A git without nanoseconds stores zero there: too coarse for us, the content decides.
    return numbers[:4] == (ctime & low, ctime_ns, mtime & low, mtime_ns)


def state_of(
    listing: Listing,
    name: bytes,
    row: Row | None,
    *,
    now: int,
    had: bool,
    blob: Callable[[str], bytes | None],
) -> str:
    """Return ``committed``, ``modified`` or ``untracked``.

    *row*: what is there, None when it is gone; *now*: ns since 1970; *had*: the index had the name
    before; *blob* returns the object id of the content by ``sha1`` or ``sha256``.
    """
    entry = listing.entries.get(name)
    if row is None:
        if entry is not None:
            return MODIFIED
        return COMMITTED if had and listing.recent(now) else UNTRACKED
    if entry is None:
        return UNTRACKED
    if entry.flags >> 12 & 3 or not _same_mode(entry.numbers[6], row.mode):
        return MODIFIED
    if stat.S_IFMT(entry.numbers[6]) == 0o160000:
        return COMMITTED  # the place of a submodule; its files have an index of their own
    if stat.S_ISREG(row.mode) and unchanged(entry, row, listing.written):
        return COMMITTED
    return COMMITTED if blob(_ALGORITHM[len(entry.oid)]) == entry.oid else MODIFIED


_ALGORITHM = {20: "sha1", 32: "sha256"}


def _same_mode(tracked: int, mode: int) -> bool:
    kind = stat.S_IFMT(tracked)
    if kind == 0o160000:
        return stat.S_ISDIR(mode)
    if kind != stat.S_IFMT(mode):
        return False
    # Of the bits git keeps one: executable by the owner. It never sets setuid or setgid.
    return not stat.S_ISREG(mode) or (
        not mode & 0o7000 and bool(mode & 0o100) == bool(tracked & 0o100)
    )


def blob_of_file(
    name: bytes, directory: int | None, limit: int, algorithm: str, pulse: Callable[[], None]
) -> bytes | None:
    """Return git's object id of a file; None when it is larger than *limit* or cannot be read."""
    try:
        descriptor = open_file(name, directory)
    except OSError:
        return None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_size > limit:
            return None
        digest = hashlib.new(algorithm, b"blob %d\0" % state.st_size, usedforsecurity=False)
        offset = 0
        while chunk := os.pread(descriptor, _CHUNK, offset):
            digest.update(chunk)
            offset += len(chunk)
            if offset > state.st_size:
                return None
            pulse()
        return digest.digest() if offset == state.st_size else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def blob_of_bytes(data: bytes, algorithm: str) -> bytes:
    """Return git's object id of *data*: the target of a symbolic link."""
    return hashlib.new(algorithm, b"blob %d\0" % len(data) + data, usedforsecurity=False).digest()
