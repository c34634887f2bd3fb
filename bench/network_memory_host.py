"""The watched host of `bench.network_memory`: the sensor's own worker, and a small web server.

A process of its own, so that `ip netns exec` gives it a namespace with a /sys to match. Usage:
``python -m bench.network_memory_host FOLDER INDICATORS``. For each line on its standard input it
answers with one line of JSON: what the bounded children have taken since the line before, and now.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectors.api import Keys
from collectors.network.settings import NetworkSettings
from collectors.network.worker import Worker
from collectors.paths import PathGuard, SafePath
from collectors.sighting import Sighting
from tests.collectors.content.citizens import make_niks

PORT = 80
_TICK = os.sysconf("SC_CLK_TCK")
_EVERY = 0.25
"""Seconds between two looks at the memory; none while CPU is measured."""
_NOTHING = {"rss": 0.0, "pss": 0.0, "ring": 0.0, "indicators": 0.0}


class Context:
    """A `collectors.api.SensorContext` that keeps nothing."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.stopping = threading.Event()
        self.guard = PathGuard(bytes(range(32)))
        self.keys = Keys(fleet=bytes(range(32)), fleet_epoch=1)
        self.records = 0

    def now(self) -> int:
        """Return the time."""
        return time.time_ns()

    def emit(self, sighting: Sighting) -> None:
        """Count it."""
        self.records += sighting.observed > 0

    def handover(self, source: str, upto: int, sightings: Sequence[Sighting]) -> None:
        """Not used by this sensor."""

    def cursor(self, source: str) -> int:
        """Not used by this sensor."""
        raise NotImplementedError(source)

    def publish(self, paths: Sequence[SafePath]) -> None:
        """Not used by this sensor."""

    def beat(self) -> None:
        """Alive."""


def memory(pid: int) -> dict[str, float]:
    """Return resident and proportional MB of a process, ring and indicators also on their own."""
    found = dict(_NOTHING)
    part = ""
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as file:
        for line in file:
            words = line.split()
            if words[0] == "Rss:":
                found["rss"] += int(words[1]) / 1024
                if part:
                    found[part] += int(words[1]) / 1024
            elif words[0] == "Pss:":
                found["pss"] += int(words[1]) / 1024
            elif not words[0].endswith(":"):
                path = " ".join(words[5:])
                indicators = path.endswith("(deleted)") and "/state/" in path
                part = "ring" if "socket:" in path else "indicators" if indicators else ""
    return found


def cpu(pid: int | None) -> float:
    """Return the CPU seconds of a process, none of one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK


class Watched:
    """Looks at the two children."""

    def __init__(self, worker: Worker, coverage: dict[str, Any]) -> None:
        self._worker = worker
        self._coverage = coverage
        self._lock = threading.Lock()
        self._peaks: dict[str, dict[str, float]] = {}
        self._together = {"rss": 0.0, "pss": 0.0}
        self._used: dict[int, float] = {}
        self._told = 0.0
        self.resting = False

    def look(self) -> dict[str, dict[str, float]]:
        """Take note of what they have now."""
        now: dict[str, dict[str, float]] = {}
        for name, pid in (
            ("capture", self._worker.child_pid),
            ("content", self._worker.content_pid),
        ):
            try:
                now[name] = memory(pid) if pid else dict(_NOTHING)
            except OSError:
                now[name] = dict(_NOTHING)
            if pid:
                self._used[pid] = max(cpu(pid), self._used.get(pid, 0.0))
        with self._lock:
            for name, values in now.items():
                peak = self._peaks.setdefault(name, dict(_NOTHING))
                for each, value in values.items():
                    peak[each] = max(peak[each], value)
            for each, most in self._together.items():
                self._together[each] = max(most, sum(one[each] for one in now.values()))
        return now

    def go_on(self) -> None:
        """Look again and again."""
        while True:
            time.sleep(_EVERY)
            if not self.resting:
                self.look()

    def answer(self) -> dict[str, Any]:
        """Return the peaks since the last answer, and what there is now."""
        now = self.look()
        used = sum(self._used.values())
        with self._lock:
            told = {
                "peak": self._peaks,
                "peak_together": self._together,
                "now": now,
                "now_together": {
                    each: sum(one[each] for one in now.values()) for each in ("rss", "pss")
                },
                "cpu_seconds": used - self._told,
                "coverage": dict(self._coverage),
            }
            self._peaks, self._together = {}, {"rss": 0.0, "pss": 0.0}
            self._told = used
        return told


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve(folder: Path) -> None:
    """Hand out pages and a dump with citizens' numbers."""
    folder.mkdir()
    text = "<html><body>" + "<p>Hello lorem ipsum dolor 12345 sit amet</p>\n" * 90
    (folder / "page.html").write_text(text)
    (folder / "large.html").write_text(text * 16)
    rows = "".join(f"{nik},Budi,Jalan Merdeka\n" for nik in make_niks(1500))
    (folder / "dump.csv").write_text("nik,nama,alamat\n" + rows)
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("", PORT), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main() -> None:
    """See the head of the module."""
    folder, indicators = Path(sys.argv[1]), sys.argv[2]
    serve(folder / "served")
    (folder / "state" / "sensors" / "network").mkdir(parents=True)
    context = Context(folder / "state" / "sensors" / "network")
    coverage: dict[str, Any] = {}
    worker = Worker(NetworkSettings(indicators=indicators), context, coverage)
    thread = threading.Thread(target=worker.run)
    thread.start()
    watched = Watched(worker, coverage)
    threading.Thread(target=watched.go_on, daemon=True).start()
    for line in sys.stdin:
        told = watched.answer()
        watched.resting = line.strip() == "rest"
        print(json.dumps(told), flush=True)
    context.stopping.set()
    thread.join()


if __name__ == "__main__":
    main()
