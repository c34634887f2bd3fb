"""Who holds a file open for writing now: all that is to be had without CAP_SYS_ADMIN.

Seen are only processes that /proc shows with their files: as root all, as the agent's own user in
its hardened unit none, and then nothing is tried.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time

from collectors.files.who import proc
from collectors.files.writer import Writer

_BUDGET = 0.02
"""Seconds of CPU that one search may take; at most one each `_EVERY` seconds."""
_EVERY = 1.0


class Holders:
    """Files that are open for writing, and by whom; looked up at most once a second."""

    def __init__(self) -> None:
        self._able = _sees_others()
        self._searched = 0.0
        self._found: dict[tuple[int, int], int] = {}

    def writer(self, device: int, inode: int) -> Writer | None:
        """Return who holds this file open for writing; None when nobody is seen to."""
        if not self._able:
            return None
        now = time.monotonic()
        if now - self._searched >= _EVERY:
            self._searched = now
            self._found = _search(_BUDGET)
        pid = self._found.get((device, inode))
        seen = None if pid is None else proc.look(pid)
        if pid is None or seen is None:
            return None
        return Writer(
            pid, proc.program(pid), proc.program(seen.parent), seen.user, seen.login, "proc"
        )


def _sees_others() -> bool:
    """Tell whether /proc shows us the open files of others: our parent's or the first one's."""
    for pid in (1, os.getppid()):
        with contextlib.suppress(OSError):
            os.readlink(f"/proc/{pid}/cwd")
            return True
    return False


def _search(budget: float) -> dict[tuple[int, int], int]:
    """Return file to process; the youngest processes first, for *budget* seconds of our CPU."""
    deadline = time.thread_time() + budget
    found: dict[tuple[int, int], int] = {}
    ours = os.getpid()
    for pid in sorted((int(n) for n in os.listdir("/proc") if n.isdigit()), reverse=True):
        if pid == ours:
            continue
        # It may end while we look.
        with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                if not entry.stat(follow_symlinks=False).st_mode & stat.S_IWUSR:
                    continue
                state = os.stat(entry.path)
                if stat.S_ISREG(state.st_mode):
                    found.setdefault((state.st_dev, state.st_ino), pid)
        if time.thread_time() > deadline:
            break
    return found
