"""What stands beside a log and at its ends: was it renamed, copied, or written anew."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable

from collectors.files import attributes, tree
from collectors.files.attributes import Attributes
from collectors.files.compare import Row
from collectors.files.hashing import open_file
from collectors.files.tell import Place, Subject

_CHUNK = 1 << 20
_END = 64 << 10
_MOST = 2_000
"""Names of a directory that are looked at."""
SUFFIX = re.compile(rb"(.+?)(?:[.-]\d{1,14}|\.old)+(?:\.\w{2,4})?", re.DOTALL)
"""What a log is called after it was rotated; the first group is what it was called before."""


def _siblings(place: Place) -> list[os.DirEntry[str]]:
    if place.descriptor == tree.NOWHERE:
        return []
    try:
        with os.scandir(place.descriptor) as found:
            return [entry for _, entry in zip(range(_MOST), found, strict=False)]
    except OSError:
        return []


def holds(place: Place, inode: int) -> bool:
    """Tell whether the directory has a file with this *inode*."""
    return any(entry.inode() == inode for entry in _siblings(place))


def copied(place: Place, name: bytes, row: Row, pulse: Callable[[], None]) -> bool:
    """Tell whether a copy of what the log was stands beside it (logrotate's copytruncate)."""
    for entry in _siblings(place):
        other = os.fsencode(entry.name)
        match = SUFFIX.fullmatch(other)
        if match is None or match[1] != name:
            continue
        if _begins_with(other, place.descriptor, row, pulse):
            return True
    return False


def _begins_with(name: bytes, directory: int, row: Row, pulse: Callable[[], None]) -> bool:
    """Tell whether the file *name* begins with the content that *row* stands for."""
    try:
        descriptor = open_file(name, directory)
    except OSError:
        return False
    try:
        digest = hashlib.sha256()
        offset = 0
        while offset < row.size:
            data = os.pread(descriptor, min(_CHUNK, row.size - offset), offset)
            if not data:
                return False
            digest.update(data)
            offset += len(data)
            pulse()
        return digest.digest() == row.digest
    except OSError:
        return False
    finally:
        os.close(descriptor)


def carried(subject: Subject, row: Row) -> Attributes | None:
    """Return the attributes of a file that is not read; of *row* where it cannot be opened."""
    try:
        descriptor = open_file(subject.name, directory_of(subject.place))
    except OSError:
        return row.attributes
    try:
        state = os.fstat(descriptor)
        return attributes.of_open(descriptor, state.st_nlink)
    except OSError:
        return row.attributes
    finally:
        os.close(descriptor)


def ends(descriptor: int, size: int) -> bytes:
    """Return the digest of head and end of the first *size* bytes of an open file."""
    head = os.pread(descriptor, min(_END, size), 0)
    tail = os.pread(descriptor, min(_END, size), max(0, size - _END))
    return hashlib.sha256(head + tail).digest()


def directory_of(place: Place) -> int | None:
    """Return the descriptor to open names in; None: the name is a path."""
    return None if place.descriptor == tree.NOWHERE else place.descriptor
