"""Is any planted identity number in what agent and collector keep, log, send or print?

Usage: demo_wall.py PLANTED DIRECTORY ...
Looks into every file below the directories, whole, and at the file names. The numbers are searched
as text and as UTF-16, whole and by their hidden middle. Exits 0 when there is none.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path


def needles(numbers: list[str]) -> re.Pattern[bytes]:
    """Return a pattern for the middle twelve digits of each number. Pure.

    A masked form shows at most the first four and last two, so whoever finds the middle has found
    a leak; whole numbers are found by it as well.
    """
    middles = {number[2:14] for number in numbers}
    forms = [m.encode() for m in middles] + [m.encode("utf-16-le") for m in middles]
    return re.compile(b"|".join(re.escape(form) for form in forms))


def contents(directories: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each file's path and content; the content of what is no file is empty."""
    for top in directories:
        for folder, _, names in os.walk(top):
            for name in names:
                path = Path(folder, name)
                yield str(path), path.read_bytes() if path.is_file() else b""


def main() -> int:
    """Report and return the exit status."""
    planted, *directories = sys.argv[1:]
    numbers = Path(planted).read_text().split()
    pattern = needles(numbers)
    files = size = 0
    leaks: list[str] = []
    for path, content in contents(directories):
        files += 1
        size += len(content)
        found = len(pattern.findall(content))
        if found or pattern.search(os.fsencode(path)):
            leaks.append(f"{path}: {found} times" if found else f"{path}: in its name")
    print(f"{len(numbers)} numbers, {files} files, {size / 1e6:.1f} MB: {len(leaks)} hits")
    for leak in leaks[:20]:
        # The path itself may hold the number.
        print("  " + pattern.sub(b"[...]", os.fsencode(leak)).decode(errors="replace"))
    return 1 if leaks or not numbers or not files else 0


if __name__ == "__main__":
    sys.exit(main())
