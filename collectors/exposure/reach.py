"""Who could reach a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

WEB_ROOT = "web_root"
WORLD_READABLE = "world_readable"
PRIVATE = "private"
UNKNOWN = "unknown"


def reachability(
    path: bytes,
    mode: int,
    *,
    in_web_root: bool,
    mode_of: Callable[[bytes], int | None],
) -> str:
    """Return how far a file of *mode* at *path* is open. *mode_of* gives a directory's mode."""
    if in_web_root:
        return WEB_ROOT
    if not mode & stat.S_IROTH:
        return PRIVATE
    parent = os.path.dirname(path)
    while parent not in (b"", b"/"):
        above = mode_of(parent)
        if above is None:
            return UNKNOWN
        if not above & stat.S_IXOTH:
            return PRIVATE
        parent = os.path.dirname(parent)
    return WORLD_READABLE


def directory_mode(path: bytes) -> int | None:
    """Return the mode of a directory, None when it cannot be seen."""
    try:
        return os.stat(path).st_mode
    except OSError:
        return None
