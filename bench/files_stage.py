"""One process of `bench.files`: the files sensor at work, and what it cost. Prints JSON.

    python -m bench.files_stage STATE PATH[:PATH] [--walks N] [--full] [--idle SECONDS]

The sensor, its settings and its database are the real ones; the spool is the one of the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import time
from pathlib import Path
from typing import Any

from collectors.files import reconcile
from tests.collectors.files.context import Running

_PATIENCE = 3600.0


def wait(running: Running, key: str, value: object) -> None:
    """Wait until the sensor's coverage says *value*, at little cost of our own."""
    deadline = time.monotonic() + _PATIENCE
    while running.sensor.coverage().get(key) != value:
        if running.error:
            raise running.error
        if time.monotonic() > deadline:
            raise TimeoutError(f"{key} is never {value!r}")
        time.sleep(0.01)


def following(running: Running, counter: str, key: str) -> float:
    """Return the value of *key* when *counter* has next moved."""
    before = running.sensor.coverage().get(counter)
    deadline = time.monotonic() + _PATIENCE
    while (coverage := running.sensor.coverage()).get(counter) == before:
        if running.error:
            raise running.error
        if time.monotonic() > deadline:
            raise TimeoutError(f"{counter} does not move")
        time.sleep(0.01)
    return float(str(coverage[key]))


def memory() -> dict[str, float]:
    """Return resident memory now and at its peak, MiB."""
    text = Path("/proc/self/status").read_text()
    found = {key: int(size) / 1024 for key, size in re.findall(r"(Vm\w+):\s+(\d+) kB", text)}
    return {"rss_mib": round(found["VmRSS"], 1), "peak_rss_mib": round(found["VmHWM"], 1)}


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one life of the sensor."""
    paths = [Path(path) for path in options.paths.split(":")]
    settings: dict[str, Any] = {"reconcile_interval": "1s" if options.walks else "5m"}
    if options.full:
        settings["rehash_interval"] = "1s"
    if options.walks:
        reconcile.SHARE = 1.0  # one after the other, not at its small share of a core
    begin, cpu = time.monotonic(), time.process_time()
    running = Running(options.state, paths, coalesce=0.2, **settings)
    try:
        wait(running, "state", "watching")
        figures: dict[str, Any] = {
            "baseline_wall": round(time.monotonic() - begin, 3),
            "baseline_cpu": round(time.process_time() - cpu, 3),
            "entries": running.sensor.coverage()["entries"],
        }
        figures.update({f"baseline_{key}": value for key, value in memory().items()})
        if options.walks:
            walks = [following(running, "walks", "walk_seconds") for _ in range(options.walks)]
            figures["walk_wall"] = round(statistics.median(walks), 3)
        if options.full:
            full = [following(running, "rehashes", "rehash_seconds") for _ in range(3)]
            figures["rehash_wall"] = round(statistics.median(full), 3)
        if options.idle:
            figures.update(idle(running, options.idle))
        figures.update(memory())
        figures["database_mib"] = round(
            sum(os.path.getsize(each) for each in (options.state / "sensors/files").glob("*.db*"))
            / 2**20,
            1,
        )
    finally:
        running.stop()
    return figures


def idle(running: Running, seconds: float) -> dict[str, Any]:
    """Return what the sensor costs while it only watches, in percent of one core."""
    time.sleep(10)  # what has changed meanwhile settles
    walk = running.sensor.coverage().get("last_reconcile_age")
    begin, cpu = time.monotonic(), time.process_time()
    time.sleep(seconds)
    spent, took = time.process_time() - cpu, time.monotonic() - begin
    return {
        "idle_seconds": round(took),
        "idle_cpu_percent": round(100 * spent / took, 3),
        "idle_first_walk_age": walk,
        "coverage": running.sensor.coverage(),
    }


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("paths")
    parser.add_argument("--walks", type=int, default=0)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--idle", type=float, default=0.0)
    print(json.dumps(run(parser.parse_args())))


if __name__ == "__main__":
    main()
