"""The network sensor under a flood of small HTTP requests, with as little CPU as its unit gives it:
``python -m bench.network_flood [--quota PERCENT] [--seconds S] [--rate PPS]`` (as root).

A sensor with all that it does, the content child included, in a namespace whose cable brings short
connections, each with a request and its answer. What is asked: does it go on to answer (longest
pause between two beats; the unit's watchdog waits for 30 s), is what was lost counted and told, how
much memory do its processes take, how long is its end. The quota is the kernel's own (CFS
bandwidth, which is what CPUQuota= sets); where there is no CPU controller to be had, the processes
are stopped and continued instead, a tenth of a second at a time, and the line says so.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.network_capture import Timed, save, tcp
from tests.collectors.network.namespaces import Cable
from tests.collectors.network.sensing import ROOT, Sensor, watching

_PERIOD = 0.1
_GROUPS = (
    (Path("/sys/fs/cgroup/cpu"), "cpu.cfs_quota_us", "{}"),
    (Path("/sys/fs/cgroup"), "cpu.max", "{} 100000"),
)

Pids = Callable[[], list[int]]


@contextlib.contextmanager
def quota(pids: Pids, percent: int) -> Iterator[str]:
    """Give processes, and what they start, a share of one core; yield how that is done."""
    for root, name, form in _GROUPS:
        group = root / f"ronda-bench-{secrets.token_hex(3)}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / name).write_text(form.format(percent * 1000))
            for pid in pids():
                (group / "cgroup.procs").write_text(str(pid))
        except OSError:
            group.rmdir()
            continue
        try:
            yield name
        finally:
            _leave(group, root)
        return
    over = threading.Event()
    thread = threading.Thread(target=_stop_and_go, args=(pids, percent / 100, over))
    thread.start()
    try:
        yield "stopped and continued"
    finally:
        over.set()
        thread.join()


def _leave(group: Path, root: Path) -> None:
    """Remove a group; what still runs in it goes back."""
    deadline = time.monotonic() + 5
    while True:
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (root / "cgroup.procs").write_text(pid)
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _stop_and_go(pids: Pids, share: float, over: threading.Event) -> None:
    def all_get(number: signal.Signals) -> None:
        for pid in pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    while not over.wait(_PERIOD * share):
        all_get(signal.SIGSTOP)
        over.wait(_PERIOD * (1 - share))
        all_get(signal.SIGCONT)


def requests(connections: int = 6000, seed: int = 1) -> list[Timed]:
    """Return short connections to the left end of the cable, mixed."""
    rng = random.Random(seed)
    server = bytes(map(int, Cable.LEFT.split(".")))
    made: list[Timed] = []
    for number in range(connections):
        ask = b"GET /page/%d HTTP/1.1\r\nHost: www.example.test\r\nAccept: */*\r\n\r\n" % number
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 300\r\n\r\n"
        begin = rng.uniform(0, 10)
        turns: list[tuple[bool, bytes | int]] = [(True, ask), (False, head + b"<p>halo " * 37)]
        made += [(begin + at, frame) for at, frame in tcp(rng, 80, turns, server)]
    made.sort(key=lambda each: each[0])
    return made


def resident(pids: list[int]) -> float:
    """Return the resident memory of processes in MB, rings that are mapped included."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return total * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(percent: int, seconds: float, rate: float, ring: int = 16 << 20) -> dict[str, Any]:
    """Flood a sensor; return what is in the head of this module."""
    cable = Cable()
    with contextlib.ExitStack() as stack:
        stack.callback(cable.close)
        cable.plug()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = str(folder / "flood.pcap")
        save(path, requests())
        sensor = stack.enter_context(watching(cable, folder / "state", ring=ring))

        def pids() -> list[int]:
            return [sensor.pid, *sensor.descendants()]

        way = stack.enter_context(quota(pids, percent))
        told = _flood(cable, sensor, (path, rate, seconds), pids)
        begin = time.monotonic()
        sensor.close()
        told["end_seconds"] = round(time.monotonic() - begin, 2)
    told |= {"quota_percent": percent, "by": way, "causes": _causes(sensor)}
    told["said"] = sensor.coverage["interface left"]
    return told


def _flood(
    cable: Cable, sensor: Sensor, flood: tuple[str, float, float], pids: Pids
) -> dict[str, Any]:
    path, rate, seconds = flood
    with subprocess.Popen(
        [
            *("ip", "netns", "exec", cable.right, sys.executable, "-m", "bench.network_packets"),
            *("right", str(rate), str(seconds), path),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as generator:
        pause, memory, last, before = 0.0, 0.0, time.monotonic(), sensor.beat
        ends = 0.0
        while not ends or time.monotonic() < ends:
            if not ends and generator.poll() is not None:
                ends = time.monotonic() + 3  # what is in the rings
            sensor.take(0.1)
            moment = time.monotonic()
            if sensor.beat is not before:
                before, last = sensor.beat, moment
            pause = max(pause, moment - last)
            memory = max(memory, resident(pids()))
        sent = json.loads(generator.stdout.read() if generator.stdout else "{}")
    return {
        "sent": sent["sent"],
        "offered_pps": round(sent["sent"] / sent["seconds"]),
        "longest_pause": round(pause, 2),
        "rss_mb": round(memory, 1),
    }


def _causes(sensor: Sensor) -> list[str]:
    gaps = sensor.of("visibility.lost")
    crashes = sensor.of("child.crashed")
    return sorted(
        [str(one["ronda.visibility.cause"]) for one in gaps]
        + [f"crash {one['event.reason']}" for one in crashes]
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--quota", type=int, default=25, help="percent of a core")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=150_000, help="packets per second")
    options = parser.parse_args()
    print(json.dumps(measure(options.quota, options.seconds, options.rate)))


if __name__ == "__main__":
    main()
