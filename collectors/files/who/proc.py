"""What /proc says of a process, as long as it lives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_NO_LOGIN = 0xFFFF_FFFF
"""The kernel's (uid_t)-1, AUDIT_UID_UNSET: nobody logged in, a service."""


class Seen(NamedTuple):
    """A process as /proc shows it now."""

    parent: int
    started: int
    """Clock ticks since boot: with the number of the process it is unique."""
    user: int
    login: int | None


def look(pid: int) -> Seen | None:
    """Return what /proc says of *pid*; None when it is gone or hidden (``hidepid``)."""
    try:
        user = os.stat(f"/proc/{pid}").st_uid
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            parent, started = parse_stat(file.read(4096))
    except (OSError, ValueError):
        return None
    return Seen(parent, started, user, login(f"/proc/{pid}/loginuid"))


def program(pid: int) -> bytes | None:
    """Return the path of the program of *pid*; needs CAP_SYS_PTRACE for other users' processes."""
    try:
        return os.readlink(b"/proc/%d/exe" % pid)
    except OSError:
        return None


def parse_stat(text: bytes) -> tuple[int, int]:
    """Return parent and start from /proc/PID/stat. Pure.

    Raises:
        ValueError: not such a line.
    """
    # pid (comm) state ppid ...; comm may hold spaces and parentheses.
    fields = text[text.rfind(b")") + 1 :].split()
    if len(fields) < 20:
        raise ValueError("too short for /proc/PID/stat")
    return int(fields[1]), int(fields[19])


def login(path: str | Path) -> int | None:
    """Return who logged in at first, given a ``loginuid``; None when nobody did or it is hidden."""
    try:
        with open(path, "rb", buffering=0) as file:
            number = int(file.read(16))
    except (OSError, ValueError):
        return None
    return None if number == _NO_LOGIN else number
