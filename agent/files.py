"""Files that a crash leaves whole."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def write_atomically(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace *path* so that a crash leaves the old or the new content, on disk on return."""
    write_pieces_atomically(path, (data,), mode)


def write_pieces_atomically(path: Path, pieces: Iterable[bytes], mode: int = 0o600) -> None:
    """Do as `write_atomically`; when *pieces* or the disk fail, nothing is left of them."""
    temporary = path.with_name(path.name + ".new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with open(fd, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)  # on a full disk a half file would keep it full
        raise
    sync_directory(path.parent)


def exchange(one: Path, other: Path) -> bool:
    """Swap two paths in one step, so that a crash leaves both; False where that cannot be done."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2  # glibc 2.28
    except (OSError, AttributeError):
        return False
    done = call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return bool(done == 0)


def give_to_owner_of(parent: Path, directory: Path) -> None:
    """Let *directory* and its files belong to whoever owns *parent*; only root needs to."""
    if os.geteuid() != 0:
        return
    owner = parent.stat()
    for path in (directory, *directory.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def sync_directory(path: Path) -> None:
    """Make renames inside *path* durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
