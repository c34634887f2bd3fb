"""Looking at rpm's lock and database: a few system calls, nothing is ever locked or waited for."""

from __future__ import annotations

import os

from collectors.files.packages.probe import is_locked, state_of
from collectors.files.packages.rpm.places import DIRECTORIES, FILES, LOCK
from collectors.files.packages.transaction import Evidence

RPM = "/usr/bin/rpm"
_NUMBER = (1 << 63) - 1
"""What SQLite holds."""


class Rpm:
    """The places of one rpm installation."""

    def __init__(self, root: bytes = b"/", rpm: str = RPM) -> None:
        """*root*: the file system that rpm manages, an absolute path without links."""
        self.root = root.rstrip(b"/")
        self.rpm = rpm
        self.trouble = ""
        self.own, self._file = self._find()

    def _find(self) -> tuple[bytes, bytes]:
        """Return where the database is, and its file: a link to another place is not followed."""
        for directory in DIRECTORIES:
            for name in FILES:
                path = self.root + directory + name
                if not os.path.islink(path[: -len(name) - 1]) and os.path.isfile(path):
                    return directory, path
        return DIRECTORIES[-1], b""

    @property
    def directory(self) -> bytes:
        """Return where the database is, without a slash at its end."""
        return (self.root + self.own).rstrip(b"/")

    def present(self) -> bool:
        """Tell whether there is a database."""
        self.own, self._file = self._find()
        return bool(self._file)

    def owner(self) -> tuple[int, int]:
        """Return user and group of what packages install: those of the database, root's."""
        state = state_of(self._file)
        return (state.st_uid, state.st_gid) if state else (0, 0)

    def look(self) -> Evidence:
        """Return what is to be seen now; a journal without content is none."""
        journal = state_of(self._file + b"-wal")
        state = state_of(self._file)
        return Evidence(
            is_locked(self.directory + b"/" + LOCK),
            (journal.st_ino & _NUMBER, journal.st_size) if journal and journal.st_size else (0, 0),
            (state.st_ino & _NUMBER, state.st_mtime_ns) if state else (0, 0),
        )
