"""Hashing files that hostile users may prepare, swap or write to meanwhile."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

from collectors.files import attributes
from collectors.files.attributes import Attributes

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_QUICK = _FLAGS | os.O_NOATIME
_CHUNK = 1 << 18
"""Bytes per read: as large as the second cache, so that the hash finds them there."""
_SMALL = 1 << 16
"""Files up to here are read by one call, into memory of their size."""
_PULSE = 4
"""Chunks between two pulses."""
_SAMPLE = 1 << 20
_ATTEMPTS = 3

_sha256 = hashlib.sha256


class Hashed(NamedTuple):
    """What became of hashing one file."""

    outcome: str
    """``hashed``, ``sampled``, ``unstable``, ``unreadable``, ``not_hashed`` or ``gone``."""
    digest: bytes | None
    """SHA-256 of the whole content; of head, tail and size when ``sampled``."""
    state: os.stat_result | None
    """The state that goes with the digest."""
    attributes: Attributes | None = None
    """None: not known."""


_GONE = Hashed("gone", None, None)


class Hasher:
    """Hashes files with one buffer for all of them; for one thread."""

    def __init__(self, limit: int, pulse: Callable[[], None]) -> None:
        """*limit*: bytes above which head and tail stand for the file.

        *pulse* is called for each MiB of a large file and may raise to give up.
        """
        self._limit = limit
        self._pulse = pulse
        self._buffer: bytearray | None = None

    def hash(self, name: bytes | str, directory: int | None) -> Hashed:
        """Hash the file *name* in the open *directory* (None: *name* is a path)."""
        try:
            descriptor = open_file(name, directory)
        except FileNotFoundError:
            return _GONE
        except OSError as error:
            # ELOOP: a link has taken the file's place since we looked; its own event follows.
            # ENXIO: a socket or a device without a driver.
            swapped = error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOTDIR)
            return Hashed("unstable" if swapped else "unreadable", None, None)
        try:
            return self._hash_open(descriptor)
        except OSError:  # EIO, ESTALE: the file is there, its content is not to be had
            return Hashed("unreadable", None, None)
        finally:
            os.close(descriptor)

    def _hash_open(self, descriptor: int) -> Hashed:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            return Hashed("not_hashed", None, state)
        for _ in range(_ATTEMPTS):
            size = state.st_size
            sampled = size > self._limit
            digest: bytes | None
            if sampled:
                digest = self._sample(descriptor, size)
            elif size <= _SMALL:
                # One byte more than there should be: growth shows without another call.
                data = os.pread(descriptor, size + 1, 0)
                digest = _sha256(data).digest() if len(data) == size else None
            else:
                digest = self._whole(descriptor, size)
            extra = attributes.of_open(descriptor, state.st_nlink)
            after = os.fstat(descriptor)
            if digest is not None and _same(state, after):
                return Hashed("sampled" if sampled else "hashed", digest, after, extra)
            state = after
        return Hashed("unstable", None, state, extra)

    def _whole(self, descriptor: int, size: int) -> bytes | None:
        if self._buffer is None:
            self._buffer = bytearray(_CHUNK)
        buffer = [self._buffer]
        view = memoryview(self._buffer)
        digest = _sha256()
        offset = chunks = 0
        while count := os.preadv(descriptor, buffer, offset):
            digest.update(view[:count])
            offset += count
            if offset > size:  # it grows while we read: never chase it
                return None
            chunks += 1
            if chunks % _PULSE == 0:
                self._pulse()
        return digest.digest() if offset == size else None

    def _sample(self, descriptor: int, size: int) -> bytes:
        self._pulse()
        digest = _sha256(b"sample %d\n" % size)
        digest.update(os.pread(descriptor, _SAMPLE, 0))
        digest.update(os.pread(descriptor, _SAMPLE, max(0, size - _SAMPLE)))
        return digest.digest()


def open_file(name: bytes | str, directory: int | None) -> int:
    """Open *name* in *directory* for reading: no link followed, no FIFO waited for.

    Raises:
        OSError: as open does; ELOOP for a symbolic link.
    """
    try:
        return os.open(name, _QUICK, dir_fd=directory)
    except PermissionError as error:
        if error.errno != errno.EPERM:  # EPERM: O_NOATIME on a file of somebody else
            raise
    return os.open(name, _FLAGS, dir_fd=directory)


def hash_file(name: bytes, directory: int | None, limit: int, pulse: Callable[[], None]) -> Hashed:
    """Hash one file, see `Hasher`."""
    return Hasher(limit, pulse).hash(name, directory)


def _same(before: os.stat_result, after: os.stat_result) -> bool:
    return (
        before.st_size == after.st_size
        and before.st_mtime_ns == after.st_mtime_ns
        and before.st_ctime_ns == after.st_ctime_ns
    )
