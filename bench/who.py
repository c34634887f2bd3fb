"""Whose change was it: short-lived writers whose program the record names.

``python -m bench.who [COUNT]`` (500, as root) has a shell start COUNT programs one after the other,
each of which writes one file and ends, while the files sensor listens through fanotify; then again
with the sensor on inotify, which can only look into /proc afterwards. Prints JSON lines.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.collectors.files.context import Running

PROGRAMS = {
    "touch": "{touch} {root}/touch{n}",
    "cp": "{cp} /etc/hostname {root}/cp{n}",
    "dd": "{dd} if=/etc/hostname of={root}/dd{n} status=none",
    "tee": "{tee} {root}/tee{n} </etc/hostname >/dev/null",
}


def script(root: Path, count: int) -> str:
    """Return shell commands: the programs in turn, by their full path."""
    where = {name: os.path.realpath(shutil.which(name) or name) for name in PROGRAMS}
    lines = list(PROGRAMS.values())
    return "\n".join(lines[n % len(lines)].format(root=root, n=n, **where) for n in range(count))


def run(backend: str, count: int) -> dict[str, object]:
    """Return what the records say of *count* writers."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "watched")
        root.mkdir()
        commands = Path(place, "commands")
        commands.write_text(script(root, count))
        with Running(Path(place, "agent"), [root], backend=backend) as running:
            begin = time.monotonic()
            subprocess.run(["/bin/sh", commands], check=True)
            took = time.monotonic() - begin
            running.settle()
            created = [c for c in running.context.changes() if c.action == "created"]
    told = [c for c in created if ".marker-" not in c.path]
    right = wrong = 0
    for change in told:
        name = os.path.basename(change.path).rstrip("0123456789")
        if change.executable is not None:
            known = os.path.basename(os.path.realpath(shutil.which(name) or name))
            right += os.path.basename(change.executable) == known
            wrong += os.path.basename(change.executable) != known
    return {
        "backend": backend,
        "writers": count,
        "told": len(told),
        "executable_known": right,
        "wrong": wrong,
        "share": round(right / count, 4),
        "parent_known": sum(c.parent is not None for c in told),
        "user_known": sum(c.user is not None and c.confidence != "guess" for c in told),
        "ms_per_writer": round(1000 * took / count, 2),
    }


def main() -> None:
    """Run both."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for backend in ("fanotify", "inotify"):
        print(json.dumps(run(backend, count)), flush=True)


if __name__ == "__main__":
    main()
