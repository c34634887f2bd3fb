"""From a write to the dirty set, and to the record in the spool.

``python -m bench.filewatch [COUNT]`` (2000; fanotify only as root) has another process make a
file every 3 ms whose name is the time, and prints p50 and p99 in milliseconds for each backend:
``dirty`` before anything is gathered, ``record`` with the shortest gathering that settings allow
(10 ms) until the record is in the spool.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from collectors.files.dirty import DirtySet
from collectors.files.scope import Scope
from collectors.files.sources.choose import choose, probe_fanotify
from collectors.files.tree import open_directory
from collectors.files.who.programs import Programs
from collectors.files.writer import Writer
from collectors.kinds import FileChange
from collectors.sighting import Sighting
from tests.collectors.files.context import FakeContext, Running

_WRITER = """
import os, sys, time
for _ in range(int(sys.argv[2])):
    name = "t%d" % time.monotonic_ns()
    os.close(os.open(os.path.join(sys.argv[1], name), os.O_CREAT | os.O_WRONLY))
    time.sleep(0.003)
"""


class Timed(DirtySet):
    """Remembers how old each name was when it became dirty."""

    def __init__(self) -> None:
        super().__init__()
        self.ages: list[int] = []

    def created(
        self,
        directory: bytes,
        name: bytes,
        *,
        is_directory: bool = False,
        writer: Writer | None = None,
    ) -> None:
        """Take the time."""
        if name.startswith(b"t"):
            self.ages.append(time.monotonic_ns() - int(name[1:]))
        super().created(directory, name, is_directory=is_directory, writer=writer)


def write(root: Path, count: int) -> None:
    """Create *count* files from another process."""
    subprocess.run([sys.executable, "-c", _WRITER, root, str(count)], check=True)


def dirty(backend: str, count: int) -> list[int]:
    """Return ages in ns at the dirty set."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "watched")
        root.mkdir()
        timed = Timed()
        writers = Programs() if backend == "fanotify" else None
        source = choose(backend, Scope([os.fsencode(root)], []), timed, writers).source
        source.start(Path(place))
        try:
            descriptor = open_directory(os.fsencode(root))
            source.add(os.fsencode(root), descriptor)
            os.close(descriptor)
            write(root, count)
            source.catch_up()
        finally:
            source.stop()
    return timed.ages


def record(backend: str, count: int) -> list[int]:
    """Return ages in ns when the record is in the spool."""
    ages: list[int] = []

    class Context(FakeContext):
        def handover(self, source: str, upto: int, sightings: Sequence[Sighting]) -> None:
            super().handover(source, upto, sightings)
            now = time.monotonic_ns()
            for sighting in sightings:
                change = sighting.record
                if isinstance(change, FileChange) and change.action == "created":
                    name = os.path.basename(change.path)
                    if name.startswith("t"):
                        ages.append(now - int(name[1:]))

    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "watched")
        root.mkdir()
        agent = Path(place, "agent")
        with Running(
            agent, [root], backend=backend, coalesce=0.01, context=Context(agent)
        ) as running:
            write(root, count)
            running.settle()
    return ages


def figures(ages: list[int]) -> dict[str, float]:
    """Return p50 and p99 in milliseconds."""
    cuts = statistics.quantiles(ages, n=100)
    return {"p50_ms": round(cuts[49] / 1e6, 2), "p99_ms": round(cuts[98] / 1e6, 2)}


def main() -> None:
    """Measure each backend."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    for backend in ("inotify", "fanotify"):
        if backend == "fanotify" and probe_fanotify():
            continue
        for name, measure in (("dirty", dirty), ("record", record)):
            ages = measure(backend, count)
            told = {"backend": backend, "to": name, "writes": count, "told": len(ages)}
            print(json.dumps({**told, **figures(ages)}), flush=True)


if __name__ == "__main__":
    main()
