"""Whether others wait for the machine: the kernel's pressure stall information (PSI)."""

from __future__ import annotations

from pathlib import Path

_BUSY = {"cpu": 40.0, "io": 20.0}
"""Percent of the last 10 s in which something waited (``some avg10``): a busy machine."""


def under_pressure(directory: Path = Path("/proc/pressure")) -> bool:
    """Tell whether others wait for processor or disk; False where the kernel does not say."""
    for name, limit in _BUSY.items():
        try:
            text = (directory / name).read_text()
        except OSError:  # no CONFIG_PSI, or not for us
            continue
        if some_of(text) > limit:
            return True
    return False


def some_of(text: str) -> float:
    """Return ``avg10`` of the line ``some`` of a file in /proc/pressure, 0 where there is none."""
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == "some":
            for word in words[1:]:
                if word.startswith("avg10="):
                    try:
                        return float(word[6:])
                    except ValueError:
                        return 0.0
    return 0.0
