"""Reading what stands at a path at the end of a transaction: no link followed, nothing waited for.

The answer counts only if it is what the sensor saw and recorded: a file swapped in between is
another change, which the sensor will see.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable

from collectors.files import tree
from collectors.files.hashing import open_file
from collectors.files.packages.case import Disk
from collectors.files.packages.index import Owned
from collectors.files.scope import split
from collectors.kinds import FileChange

_CHUNK = 1 << 20
_FINE_ATTRIBUTES = frozenset(("security.selinux", "security.evm", "security.ima"))
_LIBRARY = re.compile(rb"(/[\x21-\x7e]{1,4096})\0")
_MAX_CACHE = 8 << 20

Owners = Callable[[bytes], list[Owned]]
"""Who owns a path (as it really is)."""


def gone(path: bytes) -> bool:
    """Tell whether nothing stands at *path*."""
    directory, name = split(path)
    try:
        descriptor = tree.open_directory(directory)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    try:
        return tree.look(descriptor, directory, name) is None
    except OSError:
        return False
    finally:
        os.close(descriptor)


def read(path: bytes, record: FileChange, owners: Owners, pulse: Callable[[], None]) -> Disk | None:
    """Return what stands at *path* if it is what *record* says, None if not."""
    directory, name = split(path)
    try:
        descriptor = tree.open_directory(directory)
    except OSError:
        return None
    try:
        state = tree.look(descriptor, directory, name)
        if state is None or not _is(record, state):
            return None
        if stat.S_ISREG(state.st_mode):
            return _file(descriptor, path, state, pulse, owners)
        link, target = b"", list[Owned]()
        if stat.S_ISLNK(state.st_mode):
            link = os.readlink(name, dir_fd=descriptor)
            target = owners(os.path.normpath(os.path.join(directory, link)))
        rights = (state.st_mode, state.st_uid, state.st_gid)
        return Disk(*rights, link=link, target=tuple(target))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def md5_of(directory: int | None, name: bytes, pulse: Callable[[], None]) -> bytes | None:
    """Return the MD5 of a regular file, None where it cannot be read as a whole."""
    try:
        descriptor = open_file(name, directory)
    except OSError:
        return None
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            return None
        digest, _ = _digests(descriptor, before.st_size, pulse)
        return digest if _unmoved(before, os.fstat(descriptor)) else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _file(
    directory: int,
    path: bytes,
    state: os.stat_result,
    pulse: Callable[[], None],
    owners: Owners,
) -> Disk | None:
    descriptor = open_file(split(path)[1], directory)
    try:
        md5, sha256 = _digests(descriptor, state.st_size, pulse)
        disk = Disk(
            state.st_mode,
            state.st_uid,
            state.st_gid,
            md5=md5,
            sha256=sha256,
            extended=bool(set(os.listxattr(descriptor)) - _FINE_ATTRIBUTES),
            source=path.endswith(b".pyc") and _from_source(directory, descriptor, path),
            clean=not path.endswith(b"/ld.so.cache") or _clean_cache(descriptor, owners),
        )
        return disk if md5 is not None and _unmoved(state, os.fstat(descriptor)) else None
    finally:
        os.close(descriptor)


def _is(record: FileChange, state: os.stat_result) -> bool:
    same = (record.inode, record.uid, record.gid, record.mode, record.type) == (
        str(state.st_ino),
        str(state.st_uid),
        str(state.st_gid),
        f"{state.st_mode & 0o7777:04o}",
        tree.type_of(state.st_mode),
    )
    if record.type == "dir":  # its times change with its use
        return same
    times = (record.mtime, record.ctime, record.size)
    return same and times == (state.st_mtime_ns, state.st_ctime_ns, state.st_size)


def _unmoved(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_ino, before.st_size, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_ino,
        after.st_size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def _digests(
    descriptor: int, size: int, pulse: Callable[[], None]
) -> tuple[bytes, bytes] | tuple[None, None]:
    """Return MD5 and SHA-256 of *size* bytes, nothing when there are more or fewer."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    offset = 0
    while chunk := os.pread(descriptor, _CHUNK, offset):
        md5.update(chunk)
        sha256.update(chunk)
        offset += len(chunk)
        if offset > size:
            return None, None
        pulse()
    return (md5.digest(), sha256.digest()) if offset == size else (None, None)


def _from_source(directory: int, descriptor: int, path: bytes) -> bool:
    """Tell whether a file of byte code names its source's time and size (PEP 552)."""
    head = os.pread(descriptor, 16, 0)
    name = split(path)[1].partition(b".cpython-")[0] + b".py"
    source = os.stat(b"../" + name, dir_fd=directory, follow_symlinks=False)
    wanted = (
        b"\0\0\0\0"
        + (int(source.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little")
        + (source.st_size & 0xFFFFFFFF).to_bytes(4, "little")
    )
    return stat.S_ISREG(source.st_mode) and len(head) == 16 and head[4:] == wanted


def _clean_cache(descriptor: int, owners: Owners) -> bool:
    """Tell whether the dynamic linker's cache leads to files of packages only."""
    data = os.pread(descriptor, _MAX_CACHE, 0)
    libraries = set(_LIBRARY.findall(data))
    return len(data) < _MAX_CACHE and all(owners(library) for library in libraries)
