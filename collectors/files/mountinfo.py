"""/proc/self/mountinfo, read. See proc_pid_mountinfo(5)."""

from __future__ import annotations

import re
from typing import NamedTuple

PATH = "/proc/self/mountinfo"
_ESCAPE = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """One mount, as our mount namespace sees it."""

    number: int
    """Used again for others after an unmount."""
    device: str
    """``major:minor`` of the file system."""
    root: bytes
    """Which directory of the file system is at the mount point."""
    point: bytes
    kind: str
    """Type of file system."""


def read_mounts() -> list[Mount]:
    """Return all mounts; of several at one point the last is on top."""
    with open(PATH, "rb") as file:
        return parse(file.read())


def parse(text: bytes) -> list[Mount]:
    """Return the mounts that *text* lists. Pure; lines that are none are passed over."""
    found = []
    for line in text.splitlines():
        fields = line.split(b" ")
        try:
            separator = fields.index(b"-", 6)
            mount = Mount(
                int(fields[0]),
                fields[2].decode("ascii"),
                _plain(fields[3]),
                _plain(fields[4]),
                fields[separator + 1].decode("ascii", "replace"),
            )
        except (ValueError, IndexError):
            continue
        found.append(mount)
    return found


def _plain(field: bytes) -> bytes:
    """Undo the octal escapes of space, tab, newline and backslash."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), field)
