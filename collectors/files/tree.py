"""Looking at the file system without following symbolic links anywhere.

A path is opened component by component: nobody who may rename a directory can put a link in its
place and make us read elsewhere, and paths longer than PATH_MAX (4096 bytes) open too.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct

from collectors.files.scope import ROOTS

_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_LAST = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK

NOWHERE = -1
"""Stands for a directory that cannot be opened; the directory of the roots has no descriptor."""

_TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFBLK: "device",
    stat.S_IFCHR: "device",
}


def type_of(mode: int) -> str:
    """Return the ``file.type`` of an st_mode."""
    return _TYPES.get(stat.S_IFMT(mode), "file")


_OPENAT2 = 437  # the same number on every architecture that has it (Linux 5.6)
_NO_SYMLINKS = 0x04  # RESOLVE_NO_SYMLINKS, linux/openat2.h
_AT_FDCWD = -100
_HOW = ctypes.create_string_buffer(struct.pack("=QQQ", _LAST, 0, _NO_SYMLINKS), 24)
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
_BY_STEPS = frozenset(
    # Older kernels, filters of system calls, long paths, and what is worth another try.
    {
        errno.ENOSYS,
        errno.EPERM,
        errno.EINVAL,
        errno.E2BIG,
        errno.ENAMETOOLONG,
        errno.EAGAIN,
        errno.EINTR,
    }
)


def open_directory(path: bytes) -> int:
    """Return a descriptor of the directory *path*; the caller closes it.

    Raises:
        OSError: as open does; ENOTDIR or ELOOP where a component is a symbolic link.
    """
    if b"\0" in path:
        return _open_by_steps(path)
    descriptor = int(
        _syscall(
            ctypes.c_long(_OPENAT2),
            ctypes.c_int(_AT_FDCWD),
            ctypes.c_char_p(path),
            _HOW,
            ctypes.c_size_t(24),
        )
    )
    if descriptor >= 0:
        return descriptor
    error = ctypes.get_errno()
    if error in _BY_STEPS:
        return _open_by_steps(path)
    if error == errno.ELOOP:  # a link where a directory should be: as open says it
        error = errno.ENOTDIR
    raise OSError(error, os.strerror(error), path)


def _open_by_steps(path: bytes) -> int:
    parts = [part for part in path.split(b"/") if part]
    current = os.open(b"/", _STEP if parts else _LAST)
    for index, part in enumerate(parts):
        try:
            following = os.open(part, _LAST if index == len(parts) - 1 else _STEP, dir_fd=current)
        finally:
            os.close(current)
        current = following
    return current


def look(directory: int, path: bytes, name: bytes) -> os.stat_result | None:
    """Return the state of *name* in the open *directory*, None when it is not there.

    *path* is the directory's path, used for `ROOTS` only.
    """
    try:
        if path == ROOTS:
            return os.lstat(name)
        if directory == NOWHERE:
            return None
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def names(directory: int) -> set[bytes]:
    """Return the names in the open *directory*."""
    with os.scandir(directory) as found:
        return {os.fsencode(entry.name) for entry in found}


def subdirectories(directory: int) -> list[bytes]:
    """Return the names of real directories in the open *directory*."""
    with os.scandir(directory) as found:
        return [os.fsencode(e.name) for e in found if e.is_dir(follow_symlinks=False)]


def is_mount(directory: int) -> bool:
    """Tell whether another file system begins at the open *directory*."""
    try:
        above = os.stat(b"..", dir_fd=directory)
    except FileNotFoundError:  # moved out of the bind mount that it was opened in: it begins none
        return False
    return os.fstat(directory).st_dev != above.st_dev


def link_target(directory: int, path: bytes, name: bytes) -> bytes | None:
    """Return where the symbolic link *name* points, None when it cannot be read."""
    try:
        if path == ROOTS:
            return os.readlink(name)
        return os.readlink(name, dir_fd=directory)
    except OSError:
        return None
