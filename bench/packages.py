"""What a person sees of apt: changed paths against events, on a real Debian file system.

    python -m bench.packages ROOT [--mutate N] [--seed S] -- COMMAND...

ROOT is an unpacked Debian with apt (debootstrap); the sensor watches it while COMMAND runs in it by
chroot. Prints one JSON object. Needs root. With --mutate N, N random files and links that dpkg puts
in place (programs, data, configuration, dpkg's own manifests and scripts) are altered while it
runs; none that is still altered at the end may be folded away.
"""

from __future__ import annotations

import argparse
import hashlib
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

from tests.collectors.files.context import Running
from tests.patience import until

_WAYS = tuple(range(7))
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

    def __init__(self, root: Path, running: Running, count: int, seed: int, rate: float) -> None:
        super().__init__(name="mutator")
        self._rate = rate
        self._root = os.fsdecode(os.fsencode(root))
        self._running = running
        self._count = count
        self._chance = random.Random(seed)
        self._begin = time.time_ns()
        self.done: dict[str, tuple[int, object]] = {}
        """What was altered: in which way, and what it was then."""
        self.ended = threading.Event()

    def run(self) -> None:
        """Alter published files, which are those that have just changed, until there are enough."""
        read = 0
        while len(self.done) < self._count and not self.ended.is_set():
            news = self._running.context.published[read:]
            read += len(news)
            for path in news:
                name = os.fsdecode(path)
                self._maybe(name, self._rate)
                if self._chance.random() < 0.01:
                    self._link_beside(name)
            time.sleep(0.005)

    def _maybe(self, name: str, chance: float) -> None:
        below = name.removeprefix(self._root)
        if "/info/" in below:
            chance *= 12
        elif below.startswith(("/usr/bin/", "/usr/sbin/", "/etc/")):
            chance *= 6
        passing = ".dpkg-" in below or "-new" in below or below.endswith((".lock", "+"))
        state = below.startswith("/var/lib/dpkg/") and "/info/" not in below
        vital = below.startswith(("/usr/bin/dpkg", "/usr/bin/perl", "/usr/sbin")) or ".so" in below
        vital = vital or below.endswith((".pm", ".pl"))
        account = below.startswith(("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"))
        if passing or state or account or name in self.done or len(self.done) >= self._count:
            return
        if self._chance.random() < chance:
            # The run itself needs some files whole: of these only rights are changed.
            script = "/info/" in below and below.endswith(("inst", "rm", ".triggers"))
            ways = (1, 4) if vital or script else (1, 2, 4) if below.endswith(".list") else _WAYS
            way = self._chance.choice(ways)
            if alter(name, way):
                self.done[name] = (way, what_is(name))

    def _link_beside(self, name: str) -> None:
        """Turn a link that dpkg has just made in the same directory."""
        try:
            with os.scandir(os.path.dirname(name)) as entries:
                links = [e for e in entries if e.is_symlink() and e.path not in self.done]
        except OSError:
            return
        for each in links:
            try:
                fresh = each.stat(follow_symlinks=False).st_ctime_ns > self._begin
                if not fresh or ".dpkg-" in each.name or len(self.done) >= self._count:
                    continue
                os.unlink(each.path)
                os.symlink("/tmp/elsewhere", each.path)
            except OSError:
                continue
            self.done[each.path] = (7, what_is(each.path))
            return

    def surviving(self) -> list[str]:
        """Return what is still altered: dpkg may have gone over it."""
        return [name for name, (_, then) in self.done.items() if what_is(name) == then]


def what_is(name: str) -> object:
    """Return type, rights and content of what stands there."""
    try:
        state = os.lstat(name)
        if stat.S_ISLNK(state.st_mode):
            return os.readlink(name)
        content = Path(name).read_bytes() if stat.S_ISREG(state.st_mode) else b""
    except OSError:
        return None
    return state.st_mode, state.st_uid, state.st_gid, hashlib.sha256(content).hexdigest()


def alter(name: str, way: int) -> bool:
    """Change a regular file in one of seven ways; False where it could not be done."""
    try:
        state = os.lstat(name)
        if not stat.S_ISREG(state.st_mode) or not state.st_size:
            return False
        if way == 0:
            os.chmod(name, 0o4755)
        elif way == 1:
            os.chmod(name, 0o666 | state.st_mode & 0o111)
        elif way == 2:
            with open(name, "ab") as file:
                file.write(b"/usr/bin/evil\n")
        elif way == 3:
            with open(name, "r+b") as file:
                first = file.read(1)
                file.seek(0)
                file.write(bytes([first[0] ^ 1]))
            os.utime(name, ns=(state.st_atime_ns, state.st_mtime_ns))
        elif way == 4:
            os.chown(name, 33, 33)
        elif way == 5:  # as dpkg does it: another file renamed into its place
            content = Path(name).read_bytes()
            fresh = name + ".dpkg-new"
            Path(fresh).write_bytes(content[::-1])
            os.chmod(fresh, stat.S_IMODE(state.st_mode))
            os.rename(fresh, name)
        else:
            os.unlink(name)
            os.symlink("/tmp/elsewhere", name)
    except OSError:
        return False
    return True


def watch(
    root: Path, command: list[str], mutate: int, seed: int = 0, rate: float = 0.015
) -> dict[str, Any]:
    """Run *command* in *root* under the sensor's eyes; return figures."""
    paths = [root / name for name in WATCHED if (root / name).is_dir()]
    with tempfile.TemporaryDirectory(prefix="ronda-bench-") as state:
        running = Running(Path(state), paths, root=os.fsencode(root), packages=True, coalesce=0.2)
        with running:
            until(lambda: running.sensor.coverage()["packages"] == "known", "manifests")
            before = snapshot(root)
            mutator = Mutator(root, running, mutate, seed, rate)
            mutator.start()
            begin = time.monotonic()
            done = subprocess.run(
                ["chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", *command],
                capture_output=True,
                check=False,
            )
            took = time.monotonic() - begin
            mutator.ended.set()
            mutator.join()
            until(lambda: running.error or running.context.transactions(), "the event")
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
    surviving = mutator.surviving()
    folded = sorted(set(surviving) - told)
    return {
        "changed_paths": len(changed),
        "children": sum(event.total for event in events),
        "transactions": [
            {
                "packages": e.count,
                "actions": dict(e.actions),
                "children": e.total,
                "unexplained": e.unexplained,
                "unverified": e.unverified,
                "unproven": e.unproven,
                "left": e.left,
                "outcome": e.outcome,
            }
            for e in events
        ],
        "lines": lines,
        "fewer_percent": round(100 * (1 - lines / max(1, len(changed))), 2),
        "told": Counter(
            f"{c.action} {c.type} {c.path.removeprefix(str(root))}" for c in changes
        ).most_common(200),
        "mutated": len(mutator.done),
        "mutated_by_way": dict(Counter(way for way, _ in mutator.done.values())),
        "mutated_manifests": sum("/dpkg/info/" in name for name in mutator.done),
        "mutated_programs": sum("/usr/bin/" in name for name in mutator.done),
        "mutated_in_etc": sum(name.startswith(f"{root}/etc/") for name in mutator.done),
        "overwritten_by_dpkg": len(mutator.done) - len(surviving),
        "mutated_and_folded": [(name, mutator.done[name][0]) for name in folded],
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("root", type=Path)
    parser.add_argument("--mutate", type=int, default=0)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--rate", type=float, default=0.015, help="share of files altered")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    root = options.root.resolve()
    figures = watch(root, options.command, options.mutate, options.seed, options.rate)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
