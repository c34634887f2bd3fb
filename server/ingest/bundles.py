"""What agents fetch: the newest signed bundle and the registers that it names."""

from __future__ import annotations

import logging
import re
import sqlite3
import threading
import time
from pathlib import Path

from server.fleet import bundle
from server.fleet.ca import Authority, Signer
from server.store.state import StateStore

log = logging.getLogger(__name__)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Bundles:
    """Looks once a second whether there is something new for agents."""

    def __init__(self, state: StateStore, authority: Authority, ca_dir: Path, key: bytes) -> None:
        """*key* is the fleet key; *state* is written to."""
        self._state = state
        self._authority = authority
        self._ca_dir = ca_dir
        self._key = key
        self._signer: Signer | None = None
        self._lock = threading.Lock()
        self._newest: bundle.Bundle | None = None
        self._problem = ""

    def tick(self) -> None:
        """Make a new version when that is due.

        Raises:
            sqlite3.Error: the state database cannot be used.
        """
        now = time.time_ns()
        try:
            if self._signer is None:
                self._signer = self._authority.signer(self._ca_dir, now)
            newest = bundle.refresh(self._state, self._signer, self._key, now)
        except sqlite3.Error:
            raise
        except (OSError, ValueError) as error:
            if str(error) != self._problem:
                log.error("bundles cannot be signed: %s", error)  # noqa: TRY400 - one line
            self._problem = str(error)
            return
        with self._lock:
            if newest is not None and (
                self._newest is None or newest.version > self._newest.version
            ):
                log.info("bundle %d for agents", newest.version)
            self._newest = newest

    @property
    def version(self) -> int:
        """Return the newest version, 0 before the first. Any thread."""
        with self._lock:
            return self._newest.version if self._newest else 0

    @property
    def signed(self) -> bytes | None:
        """Return the newest bundle. Any thread."""
        with self._lock:
            return self._newest.signed if self._newest else None

    def register(self, directory: Path, sha256: str) -> Path | None:
        """Return the file of a register that is in use, None for anything else."""
        if not _SHA256.fullmatch(sha256):
            return None
        sql = "SELECT 1 FROM register WHERE sha256 = ? AND removed IS NULL"
        path = bundle.register_path(directory, sha256)
        return path if self._state.query(sql, (sha256,)) and path.is_file() else None
