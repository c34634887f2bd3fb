"""Who changed a file, as far as it is known."""

from __future__ import annotations

from typing import NamedTuple


class Writer(NamedTuple):
    """A process that changed a file."""

    pid: int
    executable: bytes | None = None
    """Path of its program; None when it was gone before anybody could look."""
    parent: bytes | None = None
    """Path of the parent's program."""
    user: int | None = None
    """Numeric user it ran as."""
    login: int | None = None
    """Numeric user who logged in at first; None for services."""
    confidence: str = "kernel"
    """As ``ronda.process.confidence`` of `collectors.kinds.FileChange`."""
