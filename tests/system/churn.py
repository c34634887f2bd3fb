"""Make, change and delete files by a seeded plan, and write down what was done.

Run as a program of its own: ``churn.py FOLDER COUNT SECONDS SEED JOURNAL``. The journal is JSON:
path -> {created, deleted, sha256} with monotonic seconds; sha256 is that of the final content.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from pathlib import Path

SHORT_LIVED = 0.05
DELETED = 0.2
CHANGED = 0.3


def main(folder: Path, count: int, seconds: float, seed: int, journal: Path) -> None:
    """Touch *count* files over about *seconds*."""
    source = random.Random(seed)
    done: dict[str, dict[str, float | str | None]] = {}
    later: list[tuple[float, str, str]] = []
    start = time.monotonic()
    for number in range(count):
        path = folder / f"d{number % 50:02d}" / f"f{number:05d}.txt"
        path.parent.mkdir(exist_ok=True)
        done[str(path)] = {
            "created": time.monotonic(),
            "deleted": None,
            "sha256": write(path, source),
        }
        draw = source.random()
        now = time.monotonic()
        if draw < SHORT_LIVED:
            later.append((now + source.uniform(0, 0.3), str(path), "delete"))
        elif draw < SHORT_LIVED + DELETED:
            later.append((now + source.uniform(15, 30), str(path), "delete"))
        elif draw < SHORT_LIVED + DELETED + CHANGED:
            later.append((now + source.uniform(0, 20), str(path), "change"))
        later = settle(later, done, source, time.monotonic())
        ahead = start + seconds * number / count - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    while later:
        later = settle(later, done, source, time.monotonic())
        time.sleep(0.02)
    journal.write_text(json.dumps(done))


def settle(
    later: list[tuple[float, str, str]],
    done: dict[str, dict[str, float | str | None]],
    source: random.Random,
    now: float,
) -> list[tuple[float, str, str]]:
    """Do what is due; return the rest."""
    for due, name, what in later:
        if due > now:
            continue
        path = Path(name)
        if what == "delete":
            path.unlink()
            done[name].update(deleted=time.monotonic(), sha256=None)
        else:
            done[name]["sha256"] = write(path, source)
    return [one for one in later if one[0] > now]


def write(path: Path, source: random.Random) -> str:
    """Write random content; return its sha256."""
    content = source.randbytes(source.randint(1, 4000)).hex().encode()
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    main(
        Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5])
    )
