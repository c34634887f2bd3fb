"""Looking at dpkg's lock and files: a few system calls, nothing is ever locked or waited for."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator

from collectors.files.packages.manifests import Act, parse_log
from collectors.files.packages.transaction import Evidence

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FLOCK = "hhqqi4x"
_NUMBER = (1 << 63) - 1
"""What SQLite holds."""
_MAX_LOG = 8 << 20
"""Bytes of dpkg.log that are read at most: 80,000 lines."""


class Dpkg:
    """The places of one dpkg installation."""

    def __init__(self, root: bytes = b"/") -> None:
        """*root*: the file system that dpkg manages, an absolute path without links."""
        self.root = root.rstrip(b"/")
        self.admin = self.root + b"/var/lib/dpkg"
        self.info = self.admin + b"/info"
        self.status = self.admin + b"/status"
        self.log = self.root + b"/var/log/dpkg.log"

    @property
    def directory(self) -> bytes:
        """Return where the manifests are."""
        return self.info

    def present(self) -> bool:
        """Tell whether dpkg manages this file system."""
        return os.path.isfile(self.status) and os.path.isdir(self.info)

    def owner(self) -> tuple[int, int]:
        """Return user and group of what packages install: those of the status file, root's."""
        state = state_of(self.status)
        return (state.st_uid, state.st_gid) if state else (0, 0)

    def look(self) -> Evidence:
        """Return what is to be seen now."""
        locked = any(is_locked(self.admin + name) for name in (b"/lock-frontend", b"/lock"))
        log = state_of(self.log)
        status = state_of(self.status)
        return Evidence(
            locked,
            (log.st_ino & _NUMBER, log.st_size) if log else (0, 0),
            (status.st_ino & _NUMBER, status.st_mtime_ns) if status else (0, 0),
        )

    def acts(self, inode: int, offset: int) -> list[Act]:
        """Return what dpkg.log says was done after *offset* of the file with that *inode*."""
        found: list[Act] = []
        current = state_of(self.log)
        if current is not None and current.st_ino & _NUMBER != inode:  # rotated meanwhile
            previous = state_of(self.log + b".1")
            if previous is not None and previous.st_ino & _NUMBER == inode:
                found += _read_log(self.log + b".1", offset)
            offset = 0
        elif current is not None and current.st_size < offset:
            offset = 0
        return found + _read_log(self.log, offset)

    def continuous(self, inode: int) -> bool:
        """Tell whether the log goes on from the file with that *inode*: nothing is missing."""
        states = (state_of(self.log), state_of(self.log + b".1"))
        return any(s is not None and s.st_ino & _NUMBER == inode for s in states)


def is_locked(path: bytes) -> bool:
    """Tell whether somebody holds the lock that this file stands for."""
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return False
    try:
        return _is_locked(descriptor)
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, question)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system or kernel without such locks
            return False
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, question)
    return int(struct.unpack(_FLOCK, answer)[0]) != fcntl.F_UNLCK


def state_of(path: bytes) -> os.stat_result | None:
    """Return what stands at *path*, None where nothing does."""
    try:
        return os.lstat(path)
    except OSError:
        return None


def _read_log(path: bytes, offset: int) -> list[Act]:
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return []
    with open(descriptor, "rb") as file:
        size = os.fstat(descriptor).st_size
        file.seek(max(offset, size - _MAX_LOG))
        return list(parse_log(_bounded(file.read(_MAX_LOG))))


def _bounded(data: bytes) -> Iterator[bytes]:
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        yield data[start : end + 1]
        start = end + 1
