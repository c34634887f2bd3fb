"""What the kernel writes into a fanotify group, read. Pure.

Layout: <linux/fanotify.h>, struct fanotify_event_metadata and the info records after it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_META = struct.Struct("=IBBHQii")
_INFO = struct.Struct("=BBH")
_INT = struct.Struct("=i")
_VERSION = 3

_FID, _DFID_NAME, _DFID, _PIDFD, _OLD_DFID_NAME, _NEW_DFID_NAME = 1, 2, 3, 4, 10, 12


class Event(NamedTuple):
    """One event. Keys are file system id and file handle, as `fanotify_api` makes them."""

    mask: int
    pid: int
    """Process, in our pid namespace; 0 when it is outside."""
    directory: bytes = b""
    """Key of the directory (of a rename: the new one); empty when it is not told."""
    name: bytes = b""
    """``.`` when the directory itself is meant."""
    target: bytes = b""
    """Key of the object itself, where the kernel tells it."""
    old_directory: bytes = b""
    old_name: bytes = b""
    descriptor: int = -1
    """Open file in a group that does not report names; the caller closes it."""
    pidfd: int = -1
    """Open process; the caller closes it."""


def parse(buffer: bytes) -> Iterator[Event]:
    """Yield the events in what one read gave.

    Raises:
        ValueError: not this version of the format, or cut short.
    """
    offset, end = 0, len(buffer)
    while offset + _META.size <= end:
        length, version, _, header, mask, descriptor, pid = _META.unpack_from(buffer, offset)
        following = offset + length
        if version != _VERSION or length < header or header < _META.size or following > end:
            raise ValueError(f"not a fanotify event (version {version}, {length} bytes)")
        if length == header:
            yield Event(mask, pid, descriptor=descriptor)
        else:
            yield _with_info(
                buffer, offset + header, following, Event(mask, pid, descriptor=descriptor)
            )
        offset = following
    if offset != end:
        raise ValueError(f"{end - offset} bytes after the last fanotify event")


def _with_info(buffer: bytes, offset: int, end: int, event: Event) -> Event:
    directory = name = target = old_directory = old_name = b""
    pidfd = -1
    while offset + _INFO.size <= end:
        kind, _, length = _INFO.unpack_from(buffer, offset)
        following = offset + length
        if length < _INFO.size or following > end:
            raise ValueError(f"not a fanotify info record (type {kind}, {length} bytes)")
        if kind == _PIDFD:
            (pidfd,) = _INT.unpack_from(buffer, offset + 4)
        elif kind in (_FID, _DFID, _DFID_NAME, _OLD_DFID_NAME, _NEW_DFID_NAME):
            # fsid (8), handle_bytes (4), handle_type (4), handle, name, NUL, padding.
            (size,) = _INT.unpack_from(buffer, offset + 12)
            stop = offset + 20 + size
            if size < 0 or stop > following:
                raise ValueError(f"not a file handle ({size} bytes)")
            key = buffer[offset + 4 : stop]
            if kind == _FID:
                target = key
            elif kind == _OLD_DFID_NAME:
                old_directory, old_name = key, buffer[stop:following].rstrip(b"\0")
            else:
                directory, name = key, buffer[stop:following].rstrip(b"\0")
        offset = following
    return Event(
        event.mask,
        event.pid,
        directory,
        name,
        target,
        old_directory,
        old_name,
        event.descriptor,
        pidfd,
    )
