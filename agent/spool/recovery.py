"""Opening the spool whatever state its files are in, and the space kept for a full disk.

``epoch`` beside the spool remembers the newest epoch, so that a spool file that vanished, was
damaged or is an older copy is noticed. The epoch file is written before the spool uses the
epoch: a crash between the two costs an epoch, never a reused sequence.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
from pathlib import Path

from agent.clock import SECOND
from agent.files import write_atomically
from agent.spool.database import SpoolDatabase
from collectors.kinds import Scrubbed, SpoolRecreated

log = logging.getLogger(__name__)

_RESERVE_BYTES = 4 << 20


def is_damage(error: sqlite3.Error) -> bool:
    """Say whether *error* means that the file itself is broken, not the disk around it."""
    text = str(error)
    return isinstance(error, sqlite3.DatabaseError) and (
        "malformed" in text or "not a database" in text or "no such table" in text
    )


def is_disk_full(error: Exception) -> bool:
    """Say whether *error* means that there is no room; SQLite tells it in words only on 3.10."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "disk is full" in str(error)


class EpochFile:
    """The newest epoch, as a decimal number in a file outside the spool."""

    def __init__(self, directory: Path) -> None:
        """*directory* is the agent's state directory."""
        self._path = directory / "epoch"

    def read(self) -> int:
        """Return 0 when the file is missing or damaged."""
        try:
            return max(0, int(self._path.read_text("ascii")))
        except (FileNotFoundError, ValueError):
            return 0

    def next(self, previous: int, now: int) -> int:
        """Choose, record and return an epoch after *previous* and after all recorded ones."""
        epoch = max(previous + 1, self.read() + 1, now // SECOND)
        self.record(epoch)
        return epoch

    def record(self, epoch: int) -> None:
        """Remember *epoch*."""
        write_atomically(self._path, b"%d\n" % epoch)


def open_database(
    directory: Path, agent: str, now: int
) -> tuple[SpoolDatabase, list[SpoolRecreated]]:
    """Open, repair or begin the spool in *directory* for *agent*.

    Returns:
        The database and what must be reported about it.

    Raises:
        NewerFormat: a newer agent wrote it.
        sqlite3.OperationalError, OSError: the disk is full or not writable.
    """
    epochs = EpochFile(directory)
    path = directory / "spool.db"
    recorded = epochs.read()
    existed = path.exists() or path.is_symlink()
    database: SpoolDatabase | None = None
    kept = None
    if existed:
        try:
            database = SpoolDatabase(path)
            database.verify()
        except sqlite3.DatabaseError as error:
            if database is not None:
                database.close()
            if not is_damage(error):
                raise
            kept, database = move_aside(path, now), None
            log.warning("spool is damaged (%s); moved to %s and begun anew", error, kept)
    else:
        move_aside(path, now)  # a left-over WAL must not meet a new file
    if database is None:
        cause = "corrupt" if existed else "missing"
        database = _begin(path, epochs, recorded, agent, now)
        if not existed and not recorded:
            return database, []
        shown = Scrubbed(kept) if kept else None
        return database, [SpoolRecreated(cause=cause, previous_epoch=recorded, kept_as=shown)]
    return database, _settle(database, epochs, recorded, agent, now)


def _begin(path: Path, epochs: EpochFile, recorded: int, agent: str, now: int) -> SpoolDatabase:
    epoch = epochs.next(recorded, now)
    database = SpoolDatabase(path)
    with database.transaction():
        database.epoch = epoch
        database.agent = agent
    return database


def _settle(
    database: SpoolDatabase, epochs: EpochFile, recorded: int, agent: str, now: int
) -> list[SpoolRecreated]:
    """Begin a new epoch when the file is an older copy or belonged to another identity."""
    older = database.epoch < recorded
    if database.epoch > recorded:
        epochs.record(database.epoch)
    if older or database.agent != agent:
        previous = database.epoch
        epoch = epochs.next(previous, now)
        with database.transaction():
            database.begin_epoch(epoch)
            database.agent = agent
        if older:
            return [SpoolRecreated(cause="rolled_back", previous_epoch=previous)]
    return []


def move_aside(path: Path, now: int) -> str | None:
    """Rename a damaged spool and its WAL; returns the new name, without directory."""
    target = path.with_name(f"{path.name}.corrupt-{now // SECOND}")
    if path.exists():
        # The newest copy only: each may be as large as the spool.
        for older in path.parent.glob(f"{path.name}.corrupt-*"):
            older.unlink(missing_ok=True)
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{target}{suffix}")
    return target.name if target.exists() else None


class Reserve:
    """A few MiB held back, so that acknowledged events can still be deleted on a full disk."""

    def __init__(self, directory: Path) -> None:
        """*directory* is on the spool's file system."""
        self._path = directory / "spool.reserve"

    def hold(self) -> None:
        """Take the space if it can be had."""
        if self._path.exists():
            return
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, _RESERVE_BYTES)
        except OSError as error:
            log.debug("no reserve for a full disk: %s", error.strerror)
            self.release()
        finally:
            os.close(fd)

    def release(self) -> None:
        """Give the space to whoever needs it now."""
        self._path.unlink(missing_ok=True)
