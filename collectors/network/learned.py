"""What the detectors have learned, on disk: a restart does not make them forget.

Only the owner may read it: ports, hashes of names and amounts say what is usual here.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

_log = logging.getLogger(__name__)

_LARGEST = 16 << 20


class Learned:
    """See the head of the module."""

    def __init__(self, path: Path) -> None:
        """*path*: the file, in the sensor's own directory."""
        self._path = path

    def read(self) -> bytes:
        """Return what was written last, empty when there is nothing that can be read."""
        try:
            with self._path.open("rb") as file:
                return file.read(_LARGEST)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        """Replace it; a disk that takes nothing costs only the memory."""
        if len(data) > _LARGEST:
            _log.warning("network: what was learned is too large to keep: %d bytes", len(data))
            return
        fresh = self._path.with_suffix(".new")
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(fresh, flags, 0o600), "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(data)
            fresh.replace(self._path)
        except OSError as error:
            _log.warning("network: what was learned cannot be kept: %s", error.strerror)
