"""fanotify(7), name_to_handle_at(2) and what belongs to them, by ctypes: Python has none of it.

Constants are those of <linux/fanotify.h>; every one that is younger than 5.1 is tried by calling,
never inferred from a version (distributions port them back).
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import struct
import termios
from typing import NamedTuple

CLOEXEC, NONBLOCK = 0x1, 0x2
UNLIMITED_QUEUE, UNLIMITED_MARKS = 0x10, 0x20
REPORT_PIDFD = 0x80
REPORT_FID, REPORT_DIR_FID, REPORT_NAME, REPORT_TARGET_FID = 0x200, 0x400, 0x800, 0x1000

MARK_ADD, MARK_MOUNT, MARK_FILESYSTEM = 0x1, 0x10, 0x100

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF = 0x400, 0x800
OPEN_EXEC, OVERFLOW, RENAME, ONDIR = 0x1000, 0x4000, 0x1000_0000, 0x4000_0000

EVENT_BYTES = 24
"""What FIONREAD counts for each event in the queue, whatever its real length."""

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_HANDLE_FID = 0x200
_MAX_HANDLE = 128

_libc = ctypes.CDLL(None, use_errno=True)


class Handle(NamedTuple):
    """How the kernel names an object in its events."""

    mount: int
    """Mount that it was looked up through."""
    raw: bytes
    """struct file_handle: unique in its file system as long as that is mounted."""


def _failed(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")


def init(flags: int) -> int:
    """Return a new fanotify group; the caller closes it.

    Raises:
        OSError: EPERM without CAP_SYS_ADMIN or when a filter forbids the call, EINVAL when the
            kernel does not know a flag, ENOSYS without fanotify, EMFILE.
    """
    group = _libc.fanotify_init(
        ctypes.c_uint(flags | CLOEXEC | NONBLOCK), ctypes.c_uint(os.O_RDONLY | os.O_CLOEXEC)
    )
    if group < 0:
        raise _failed("fanotify_init")
    return int(group)


def mark(group: int, flags: int, mask: int, descriptor: int) -> None:
    """Mark what the open *descriptor* stands for.

    Raises:
        OSError: EXDEV (a btrfs subvolume), ENODEV or EOPNOTSUPP (no usable file handles: overlay,
            FUSE, network), EINVAL (unknown bit in *mask*), EPERM.
    """
    done = _libc.fanotify_mark(
        ctypes.c_int(group),
        ctypes.c_uint(MARK_ADD | flags),
        ctypes.c_uint64(mask),
        ctypes.c_int(descriptor),
        None,
    )
    if done < 0:
        raise _failed("fanotify_mark")


def queued(group: int) -> int:
    """Return how many events wait in the queue."""
    count = array.array("i", [0])
    fcntl.ioctl(group, termios.FIONREAD, count)
    return count[0] // EVENT_BYTES


def handle(descriptor: int, name: bytes = b"") -> Handle:
    """Return the handle of *name* in the open directory, of the directory itself without a name.

    Raises:
        OSError: EOPNOTSUPP where the file system has none.
    """
    buffer = ctypes.create_string_buffer(8 + _MAX_HANDLE)
    mount = ctypes.c_int()
    flags = 0 if name else _AT_EMPTY_PATH
    # AT_HANDLE_FID (6.5) is what events carry; before it, file systems had only one kind.
    for flag in (_AT_HANDLE_FID, 0):
        struct.pack_into("Ii", buffer, 0, _MAX_HANDLE, 0)
        done = _libc.name_to_handle_at(
            ctypes.c_int(descriptor),
            ctypes.c_char_p(name),
            buffer,
            ctypes.byref(mount),
            ctypes.c_int(flags | flag),
        )
        if done == 0:
            break
    if done < 0:
        raise _failed("name_to_handle_at")
    (size,) = struct.unpack_from("I", buffer, 0)
    return Handle(mount.value, buffer.raw[: 8 + size])


def fsid(descriptor: int) -> bytes:
    """Return the id of the file system as events carry it."""
    return struct.pack("=Q", os.fstatvfs(descriptor).f_fsid & 0xFFFF_FFFF_FFFF_FFFF)
