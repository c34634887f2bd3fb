"""Bursts of changes: what is accounted for, at what cost, beside watchdog's stock observer.

    python -m bench.bursts [--scale 1.0] [--backend NAME] [--only SCENARIO] [DIRECTORY]

Each scenario has a fresh tree below DIRECTORY (default: the directory for temporary files) and a
sensor in a process of its own. Prints one JSON object a line. *Unaccounted* are surviving files
without exactly one ``created`` more than ``deleted``, files that went without exactly one
``deleted``, and files told that are not there. The observer gets the same burst afterwards and
passes if it has heard of the file at all. ``--scale`` makes all numbers smaller.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from collectors.kinds import FileChange, VisibilityLost
from collectors.sighting import Sighting

_BACKEND = "RONDA_TEST_BACKEND"
_TOP = Path(__file__).parents[1]
_PATIENCE = 600.0
"""Seconds until a burst must have been told."""


class Watching:
    """A process that watches *root*."""

    def __init__(self, command: list[str], ready: str, environment: dict[str, str]) -> None:
        """*ready* is in the line of its output that says that it is at work."""
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(_TOP), **environment},
            cwd=_TOP,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if ready in line:
                return
        raise RuntimeError(f"{command[0]} has ended at once")

    def cost(self) -> tuple[float, float]:
        """Return CPU seconds and the peak of resident memory in MB until now."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        ticks = int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK"), int(peak.split()[1]) / 1024

    def end(self) -> str:
        """Have it stop; return the last line that it said."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        output, _ = self.process.communicate(timeout=60)
        lines = output.splitlines()
        return lines[-1] if lines else ""


Burst = Callable[[Path, Path, int, int], None]
"""Root, a directory outside, the number of files, and the process that watches."""


def _spread(root: Path, count: int) -> list[Path]:
    return [root / f"d{number // 100}" / f"f{number}" for number in range(count)]


def make_tar(outside: Path, count: int) -> Path:
    """Make an archive of *count* small files in directories of a hundred."""
    tree, archive = outside / "tree", outside / "burst.tar"
    for path in _spread(tree, count):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 64)
    subprocess.run(["tar", "-cf", archive, "-C", tree, "."], check=True)
    shutil.rmtree(tree)
    return archive


def untar(root: Path, outside: Path, count: int, _: int) -> None:
    """Unpack the archive that `fill` made."""
    del count
    subprocess.run(["tar", "-xf", outside / "burst.tar", "-C", root], check=True)


def remove(root: Path, outside: Path, count: int, _: int) -> None:
    """Remove everything, as ``rm -rf`` does."""
    del outside, count
    subprocess.run(["find", root, "-mindepth", "1", "-delete"], check=True)


def rename(root: Path, outside: Path, count: int, _: int) -> None:
    """Rename all files."""
    del outside
    for path in _spread(root, count):
        os.rename(path, f"{path}.renamed")


def touch(root: Path, outside: Path, count: int, _: int) -> None:
    """Make empty files in one directory as fast as can be."""
    del outside
    for number in range(count):
        os.close(os.open(root / f"t{number}", os.O_CREAT | os.O_WRONLY))


def frozen(root: Path, outside: Path, count: int, process: int) -> None:
    """Make files while the one that watches is stopped."""
    os.kill(process, signal.SIGSTOP)
    try:
        touch(root, outside, count, process)
    finally:
        os.kill(process, signal.SIGCONT)


SCENARIOS: dict[str, tuple[Burst, int, bool]] = {
    "untar": (untar, 100_000, False),
    "remove": (remove, 100_000, True),
    "rename": (rename, 20_000, True),
    "touch": (touch, 10_000, False),
    "frozen": (frozen, 30_000, False),
}
"""What happens, to how many files, and whether they are there before."""


def _paths(root: Path) -> set[str]:
    found = set()
    stack = [str(root)]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                found.add(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
    return found


def _spooled(database: Path) -> list[Any]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        rows = connection.execute("SELECT body FROM event ORDER BY id").fetchall()
    finally:
        connection.close()
    return [msgspec.msgpack.decode(row[0], type=Sighting).record for row in rows]


def _count(database: Path) -> int:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        return int(connection.execute("SELECT count(*) FROM event").fetchone()[0])
    finally:
        connection.close()


def unaccounted(
    before: set[str], after: set[str], told: Mapping[tuple[str, str], int]
) -> list[str]:
    """Return the paths whose ``created`` and ``deleted`` do not lead from *before* to *after*."""
    wrong = []
    for path in before | after | {path for _, path in told}:
        created, deleted = told.get(("created", path), 0), told.get(("deleted", path), 0)
        if created - deleted != (path in after) - (path in before):
            wrong.append(path)
    return wrong


def run(name: str, directory: Path, *, scale: float = 1.0, backend: str = "inotify") -> Any:
    """Run one scenario with the sensor; return what is to be printed."""
    burst, count, filled = SCENARIOS[name]
    count = max(100, int(count * scale))
    root, outside, state = directory / "watched", directory / "outside", directory / "agent"
    for each in (root, outside, state):
        each.mkdir()
    _fill(root, outside, name, count, filled=filled)
    before = _paths(root)
    watching = Watching(
        [str(_TOP / "tests/collectors/files/run_sensor.py"), str(state), str(root)],
        '"state": "watching"',
        {_BACKEND: backend},
    )
    try:
        begun_cpu, _ = watching.cost()
        begin = time.monotonic()
        burst(root, outside, count, watching.process.pid)
        burst_seconds = time.monotonic() - begin
        _quiet(root, state / "spool.db")
        seconds = time.monotonic() - begin
        cpu, peak = watching.cost()
    finally:
        last = watching.end()
    records = _spooled(state / "spool.db")
    changes = [record for record in records if isinstance(record, FileChange)]
    lost = [record for record in records if isinstance(record, VisibilityLost)]
    told = Counter((str(c.action), str(c.path)) for c in changes if ".marker" not in c.path)
    after = {path for path in _paths(root) if ".marker" not in path}
    wrong = unaccounted(before, after, told)
    return {
        "scenario": name,
        "by": backend,
        "files": count,
        "burst_seconds": round(burst_seconds, 2),
        "told_after_seconds": round(seconds, 2),
        "unaccounted": len(wrong),
        "sample": wrong[:3],
        "overflows": json.loads(last)["overflows"],
        "lost_told": [f"{record.cause}{' repaired' * record.repaired}" for record in lost],
        "cpu_seconds": round(cpu - begun_cpu, 2),
        "peak_mb": round(peak),
    }


def _fill(root: Path, outside: Path, name: str, count: int, *, filled: bool) -> None:
    if name != "untar" and not filled:
        return
    archive = make_tar(outside, count)
    if filled:
        subprocess.run(["tar", "-xf", archive, "-C", root], check=True)


def _quiet(root: Path, database: Path) -> None:
    """Wait until a marker made now has been told, and then nothing more for a while."""
    marker = root / ".marker"
    marker.write_bytes(b"")
    deadline = time.monotonic() + _PATIENCE
    seen, since = -1, time.monotonic()
    while time.monotonic() < deadline:
        now = _count(database)
        if now != seen:
            seen, since = now, time.monotonic()
        elif now and time.monotonic() - since > 3.0:
            if any(str(getattr(r, "path", "")) == str(marker) for r in _spooled(database)):
                return
            since = time.monotonic()
        time.sleep(0.1)
    raise RuntimeError(f"{marker} was not told within {_PATIENCE:g} s")


def run_observer(name: str, directory: Path, *, scale: float = 1.0) -> Any:
    """Run one scenario with watchdog's stock observer and its default filter."""
    burst, count, filled = SCENARIOS[name]
    count = max(100, int(count * scale))
    root, outside = directory / "watched", directory / "outside"
    for each in (root, outside):
        each.mkdir()
    _fill(root, outside, name, count, filled=filled)
    before = _paths(root)
    out = directory / "heard.json"
    watching = Watching(["-m", "bench.bursts_observer", str(root), str(out)], "ready", {})
    try:
        begun_cpu, _ = watching.cost()
        begin = time.monotonic()
        burst(root, outside, count, watching.process.pid)
        cpu = -1.0
        while True:  # until it has nothing more to do
            time.sleep(1.0)
            now, peak = watching.cost()
            if now - cpu < 0.02 or time.monotonic() - begin > _PATIENCE:
                break
            cpu = now
    finally:
        watching.end()
    heard = json.loads(out.read_text())
    after = _paths(root)
    missed = len(after - before - set(heard["there"])) + len(before - after - set(heard["gone"]))
    return {
        "scenario": name,
        "by": "watchdog observer",
        "files": count,
        "unaccounted": missed,
        "cpu_seconds": round(now - begun_cpu, 2),
        "peak_mb": round(peak),
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", nargs="?", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--backend", default="inotify")
    parser.add_argument("--only", choices=SCENARIOS)
    parser.add_argument("--no-observer", action="store_true")
    arguments = parser.parse_args()
    for name in [arguments.only] if arguments.only else SCENARIOS:
        with tempfile.TemporaryDirectory(dir=arguments.directory, prefix="ronda-bursts.") as place:
            found = run(name, Path(place), scale=arguments.scale, backend=arguments.backend)
        print(json.dumps(found), flush=True)
        if arguments.no_observer:
            continue
        with tempfile.TemporaryDirectory(dir=arguments.directory, prefix="ronda-bursts.") as place:
            print(json.dumps(run_observer(name, Path(place), scale=arguments.scale)), flush=True)


if __name__ == "__main__":
    main()
