"""What a person sees of apt: changed paths against events, on a real Debian file system.

    python -m bench.packages ROOT [--mutate N] -- COMMAND...

ROOT is an unpacked Debian with apt (debootstrap); the sensor watches it while COMMAND runs in it by
chroot. Prints one JSON object. Needs root. With --mutate N, N random files of the packages that the
command changes are altered while it runs; none of them may be folded away.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import stat
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.collectors.files.context import Running, eventually

WATCHED = ("usr", "etc", "boot", "opt")


def snapshot(root: Path) -> dict[bytes, tuple[int, ...]]:
    """Return path to signature of everything that is watched."""
    found: dict[bytes, tuple[int, ...]] = {}
    stack = [os.fsencode(root / name) for name in WATCHED if (root / name).is_dir()]
    stack.append(os.fsencode(root / "var/lib/dpkg/info"))
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                state = entry.stat(follow_symlinks=False)
                times = () if stat.S_ISDIR(state.st_mode) else (state.st_ino, state.st_ctime_ns)
                found[entry.path] = (*times, state.st_mode, state.st_uid)
                if stat.S_ISDIR(state.st_mode):
                    stack.append(entry.path)
    return found


class Mutator(threading.Thread):
    """Alters files right after dpkg has put them in place."""

    def __init__(self, root: Path, running: Running, count: int) -> None:
        super().__init__(name="mutator")
        self._root = root
        self._running = running
        self._count = count
        self.done: dict[str, int] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        """Alter published files, which are those that have just changed, until there are enough."""
        chance = random.Random(20261124)
        read = 0
        while len(self.done) < self._count and not self.ended.is_set():
            news = self._running.context.published[read:]
            read += len(news)
            for path in news:
                name = os.fsdecode(path)
                plain = "/share/" in name or "/include/" in name or "/lib/" in name
                if (
                    not plain
                    or "/var/lib/dpkg/" in name
                    or ".dpkg-" in name
                    or name in self.done
                    or chance.random() > 0.25
                ):
                    continue
                if len(self.done) < self._count and alter(name, len(self.done) % 5):
                    self.done[name] = len(self.done) % 5
            time.sleep(0.005)


def alter(name: str, way: int) -> bool:
    """Change a regular file in one of five ways; False where it could not be done."""
    try:
        state = os.lstat(name)
        if not stat.S_ISREG(state.st_mode) or not state.st_size:
            return False
        if way == 0:
            os.chmod(name, 0o4755)
        elif way == 1:
            os.chmod(name, 0o666)
        elif way == 2:
            with open(name, "ab") as file:
                file.write(b"#")
        elif way == 3:
            with open(name, "r+b") as file:
                first = file.read(1)
                file.seek(0)
                file.write(bytes([first[0] ^ 1]))
            os.utime(name, ns=(state.st_atime_ns, state.st_mtime_ns))
        else:
            os.chown(name, 33, 33)
    except OSError:
        return False
    return True


def watch(root: Path, command: list[str], mutate: int) -> dict[str, Any]:
    """Run *command* in *root* under the sensor's eyes; return figures."""
    paths = [root / name for name in WATCHED if (root / name).is_dir()]
    with tempfile.TemporaryDirectory(prefix="ronda-bench-") as state:
        running = Running(Path(state), paths, root=os.fsencode(root), packages=True, coalesce=0.2)
        with running:
            eventually(lambda: running.sensor.coverage()["packages"] == "known", "manifests")
            before = snapshot(root)
            mutator = Mutator(root, running, mutate)
            mutator.start()
            begin = time.monotonic()
            done = subprocess.run(
                ["chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", *command],
                capture_output=True,
                text=True,
                check=False,
            )
            took = time.monotonic() - begin
            mutator.ended.set()
            mutator.join()
            eventually(lambda: running.error or running.context.transactions(), "the event")
            running.settle() if not running.error else None
            figures = measure(root, before, running, mutator)
        return {"code": done.returncode, "seconds": round(took, 1), **figures}


def measure(
    root: Path, before: dict[bytes, tuple[int, ...]], running: Running, mutator: Mutator
) -> dict[str, Any]:
    """Return what changed and what a person is told of it."""
    if running.error:
        raise running.error
    after = snapshot(root)
    changed = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
    changed = {path for path in changed if b"/.marker-" not in path}
    changes = [c for c in running.context.changes() if "/.marker-" not in c.path]
    events = running.context.transactions()
    lines = len(changes) + len(events)
    told = {change.path for change in changes}
    folded = sorted(set(mutator.done) - told)
    return {
        "changed_paths": len(changed),
        "children": sum(event.total for event in events),
        "transactions": [
            (e.count, dict(e.actions), e.total, e.unexplained, e.outcome) for e in events
        ],
        "lines": lines,
        "fewer_percent": round(100 * (1 - lines / max(1, len(changed))), 2),
        "told": Counter(
            f"{c.action} {c.type} {c.path.removeprefix(str(root))}" for c in changes
        ).most_common(200),
        "mutated": len(mutator.done),
        "mutated_and_folded": folded,
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("root", type=Path)
    parser.add_argument("--mutate", type=int, default=0)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    print(json.dumps(watch(options.root.resolve(), options.command, options.mutate), indent=1))


if __name__ == "__main__":
    main()
