"""Hashing files that hostile users may prepare, swap or write to meanwhile."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20
_SAMPLE = 1 << 20
_ATTEMPTS = 3


class Hashed(NamedTuple):
    """What became of hashing one file."""

    outcome: str
    """``hashed``, ``sampled``, ``unstable``, ``unreadable``, ``not_hashed`` or ``gone``."""
    digest: bytes | None
    """SHA-256 of the whole content; of head, tail and size when ``sampled``."""
    state: os.stat_result | None
    """The state that goes with the digest."""


def open_file(name: bytes, directory: int | None) -> int:
    """Open *name* in *directory* for reading: no link followed, no FIFO waited for.

    Raises:
        OSError: as open does; ELOOP for a symbolic link.
    """
    try:
        return os.open(name, _FLAGS | os.O_NOATIME, dir_fd=directory)
    except PermissionError as error:
        if error.errno != errno.EPERM:  # EPERM: O_NOATIME on a file of somebody else
            raise
    return os.open(name, _FLAGS, dir_fd=directory)


def hash_file(name: bytes, directory: int | None, limit: int, pulse: Callable[[], None]) -> Hashed:
    """Hash the file *name* in the open *directory* (None: *name* is a path).

    *limit*: bytes above which head and tail stand for the file. *pulse* is called for each MiB
    and may raise to give up.
    """
    try:
        descriptor = open_file(name, directory)
    except FileNotFoundError:
        return Hashed("gone", None, None)
    except OSError as error:
        # ELOOP: a link has taken the file's place since we looked; its own event follows.
        # ENXIO: a socket or a device without a driver.
        swapped = error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOTDIR)
        return Hashed("unstable" if swapped else "unreadable", None, None)
    try:
        return _hash_open(descriptor, limit, pulse)
    except OSError:  # EIO, ESTALE: the file is there, its content is not to be had
        return Hashed("unreadable", None, None)
    finally:
        os.close(descriptor)


def _hash_open(descriptor: int, limit: int, pulse: Callable[[], None]) -> Hashed:
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        return Hashed("not_hashed", None, state)
    for _ in range(_ATTEMPTS):
        sampled = state.st_size > limit
        reader = _sample if sampled else _whole
        digest = reader(descriptor, state.st_size, pulse)
        after = os.fstat(descriptor)
        if digest is not None and _same(state, after):
            return Hashed("sampled" if sampled else "hashed", digest, after)
        state = after
    return Hashed("unstable", None, state)


def _same(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def _whole(descriptor: int, size: int, pulse: Callable[[], None]) -> bytes | None:
    digest = hashlib.sha256()
    offset = 0
    while chunk := os.pread(descriptor, _CHUNK, offset):
        digest.update(chunk)
        offset += len(chunk)
        if offset > size:  # it grows while we read: never chase it
            return None
        pulse()
    return digest.digest() if offset == size else None


def _sample(descriptor: int, size: int, pulse: Callable[[], None]) -> bytes | None:
    pulse()
    digest = hashlib.sha256(b"sample %d\n" % size)
    digest.update(os.pread(descriptor, _SAMPLE, 0))
    digest.update(os.pread(descriptor, _SAMPLE, max(0, size - _SAMPLE)))
    return digest.digest()
