"""What the idle agent costs: resident memory of all its processes, CPU, import time.

``python -m bench.footprint [SECONDS]`` (300) runs a real agent against a real collector and prints
RSS, CPU share over the time, and the start-up time of both commands as a multiple of a bare Python.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.patience import until
from tests.system.deployment import BIN, Deployment

TICK = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """Return *root* and its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(stat[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def rss(pids: list[int]) -> float:
    """Return the resident memory of *pids* in MB."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu(pids: list[int]) -> float:
    """Return the CPU seconds of *pids*, waited-for children included."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15])
    return total / TICK


def start_up(*words: str | Path) -> float:
    """Return the median wall time of running *words*, in seconds."""
    times = []
    for _ in range(15):
        begin = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main(seconds: float) -> None:
    """Measure and print."""
    bare = start_up(sys.executable, "-I", "-c", "pass")
    for program in ("ronda", "ronda-agent"):
        taken = start_up(BIN / program, "--version")
        print(f"{program} --version: {taken * 1000:.0f} ms, {taken / bare:.1f}x a bare python3")
    with (
        tempfile.TemporaryDirectory(prefix="ronda-bench-") as folder,
        Deployment(Path(folder) / "d") as here,
    ):
        for number in range(2000):
            path = here.web / f"d{number % 100}" / f"page{number}.html"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"<p>{number}</p>")
        here.install()
        here.start_agent()
        until(lambda: here.agent_status().get("healthy"), "healthy agent")
        time.sleep(90)
        pids = tree(here.agent_pid)
        before, begin = cpu(pids), time.monotonic()
        time.sleep(seconds)
        used, wall = cpu(pids) - before, time.monotonic() - begin
        pids = tree(here.agent_pid)
        print(f"agent idle: {len(pids)} process(es), RSS {rss(pids):.1f} MB")
        print(f"agent idle: {used:.2f} CPU-s in {wall:.0f} s = {100 * used / wall:.2f} % of a core")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 300)
