"""Who could reach a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

WEB_ROOT = "web_root"
WORLD_READABLE = "world_readable"
PRIVATE = "private"
UNKNOWN = "unknown"


def is_open(served: str, root: bytes | None, told: tuple[bytes, ...]) -> bool:
    """Return whether a file has to count as open to the web.

    *served*: what the web servers do with it (empty when there is none); *root*: the web root it
    stands in; *told*: roots that an operator has named, for another server may serve those.
    """
    if served in ("downloadable", "listed", "executed"):
        return True
    if served == "forbidden":
        return False
    if served == "not_served":
        return root is not None and root in told
    return root is not None


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
