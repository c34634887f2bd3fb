"""Which boot this is, and how long ago it began."""

from __future__ import annotations

import time
from pathlib import Path


def boot_id() -> str:
    """Return the id of this boot, or nothing where the kernel hides it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def since_boot() -> float:
    """Return seconds of CLOCK_BOOTTIME: runs while suspended, cannot be set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
