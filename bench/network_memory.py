"""Resident memory of the network sensor's children, under load and at rest, and their idle CPU:
``python -m bench.network_memory [--idle SECONDS] [--quiet SECONDS]`` (as root).

Two network namespaces with a cable between them; in one the sensor's own worker with everything on
(`bench.network_memory_host`), in the other what makes the traffic:

* ``connections``: 2,000 connections, 400,000 packets a second;
* ``capture``: new conversations of many protocols, from a file of `bench.network_capture`;
* ``full table``: 55,000 connections, more than the table of flows holds;
* ``flood``: SYN from made-up addresses (with ``--flood``);
* ``content``: pages and a dump of citizens' numbers fetched by HTTP as fast as it goes;
* ``idle``: nothing comes; ``quiet``: what a quiet server sees, a few packets a second and one page
  every 30 seconds.

RSS counts what both children share twice, PSS once, and what is shared with others in part. The
ring is the kernel's memory and counted; the table of indicators is a file, and said apart.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import network_capture
from collectors.network.detect.ioc import build
from tests.collectors.network.namespaces import Cable, entered

_PAUSE = 3.0
"""Seconds after the children are there before they are looked at."""
_ENDS = 90.0
"""Seconds within which the content child has to end."""


class Host:
    """The watched host."""

    def __init__(self, cable: Cable, folder: Path, indicators: str) -> None:
        words = ("ip", "netns", "exec", cable.left, sys.executable, "-m")
        self._process = subprocess.Popen(
            [*words, "bench.network_memory_host", str(folder), indicators],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, word: str = "look") -> dict[str, Any]:
        """Return what it says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End it."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)


def _indicators(folder: Path, rows: int) -> str:
    """Make a table of that many addresses and names; return its path."""
    dice = random.Random(1)

    def lines() -> Iterator[str]:
        for number in range(rows):
            if number % 2:
                yield f"{dice.randbytes(6).hex()}.example{number % 1000}.com,domain,made,medium"
            else:
                yield f"{'.'.join(str(one) for one in dice.randbytes(4))},ip,made,high"

    path = folder / "indicators"
    build(lines(), path)
    return str(path)


def send(cable: Cable, rate: float, seconds: float, *more: str) -> None:
    """Have the generator send."""
    words = ("ip", "netns", "exec", cable.right, sys.executable, "-m", "bench.network_packets")
    command = [*words, "right", str(rate), str(seconds), *more]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def fetch(cable: Cable, name: str) -> None:
    """Fetch one page, from outside."""
    with (
        entered(cable.right),
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"http://{cable.LEFT}/{name}", timeout=5) as answer,
    ):
        answer.read()


def fetch_much(cable: Cable, seconds: float) -> None:
    """Fetch pages one after another."""
    until, turn = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        fetch(cable, ("page.html", "large.html", "page.html", "dump.csv")[turn % 4])
        turn += 1


def quiet(cable: Cable, seconds: float) -> None:
    """Do what happens on a quiet server: a datagram a second, a page every half minute."""
    begin, turn = time.monotonic(), 0
    with entered(cable.right), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.connect((cable.LEFT, 123))
        while time.monotonic() - begin < seconds:
            with contextlib.suppress(ConnectionError):  # nobody listens there
                end.send(b"\x23" + bytes(47))
            if turn % 30 == 0:
                fetch(cable, "page.html")
            turn += 1
            time.sleep(max(0.0, begin + turn - time.monotonic()))


def _round(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _round(one) for name, one in value.items()}
    return round(value, 1) if isinstance(value, float) else value


def show(name: str, told: dict[str, Any], **more: Any) -> None:
    """Print one line for each child, and one for both."""
    for child in told["peak"]:
        peak, now = _round(told["peak"][child]), _round(told["now"][child])
        extra = f", of it ring {peak['ring']}, indicators {peak['indicators']}"
        print(
            f"{name:12} {child:8} peak RSS {peak['rss']} PSS {peak['pss']}"
            f"{extra if child == 'capture' else ''}; now RSS {now['rss']} PSS {now['pss']}"
        )
    peak, now = _round(told["peak_together"]), _round(told["now_together"])
    print(
        f"{name:12} together peak RSS {peak['rss']} PSS {peak['pss']};"
        f" now RSS {now['rss']} PSS {now['pss']} MB {json.dumps(more) if more else ''}",
        flush=True,
    )


def _rest(host: Host, name: str, seconds: float, work: Callable[[float], None]) -> None:
    """Measure the CPU of *seconds* in which nobody looks at the memory."""
    host.ask("rest")
    begin = time.monotonic()
    work(seconds)
    taken = time.monotonic() - begin
    told = host.ask()
    share = 100 * told["cpu_seconds"] / taken
    show(name, told, cpu_percent=round(share, 3), seconds=round(taken))


def _ended(host: Host) -> float:
    """Wait until the content child is gone; return how long that took."""
    begin = time.monotonic()
    while time.monotonic() < begin + _ENDS:
        if not host.ask()["now"]["content"]["rss"]:
            break
        time.sleep(0.5)
    return time.monotonic() - begin


def run(cable: Cable, folder: Path, options: argparse.Namespace) -> None:
    """Go through all phases."""
    capture = str(folder / "made.pcap")
    network_capture.write(capture)
    host = Host(cable, folder, _indicators(folder, options.indicators))
    try:
        while not host.ask()["now"]["capture"]["rss"]:
            time.sleep(0.2)
        time.sleep(_PAUSE)
        host.ask()
        time.sleep(1)
        show("start", host.ask())
        seconds = options.seconds
        phases: list[tuple[str, Callable[[], None]]] = [
            ("connections", lambda: send(cable, 400_000, seconds)),
            ("capture", lambda: send(cable, 100_000, seconds, capture)),
            ("full table", lambda: send(cable, 100_000, 2 * seconds, "", "55000")),
            ("content", lambda: fetch_much(cable, 2 * seconds)),
        ]
        if options.flood:
            phases.append(("flood", lambda: send(cable, options.flood, seconds, "flood")))
        for name, work in phases:
            work()
            told = host.ask()
            lost = {key: told["coverage"][key] for key in ("flows", "evicted", "content_dropped")}
            wire = told["coverage"].get("interface left", "")
            show(name, told, **lost, wire=wire)
        print(f"the content child ended {_ended(host):.1f} s after the last phase")
        if options.idle:
            _rest(host, "idle", options.idle, time.sleep)
        if options.quiet:
            _rest(host, "quiet", options.quiet, lambda length: quiet(cable, length))
    finally:
        host.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each phase")
    parser.add_argument("--idle", type=float, default=120.0, help="seconds")
    parser.add_argument("--quiet", type=float, default=0.0, help="seconds")
    parser.add_argument("--flood", type=float, default=0.0, help="SYN per second")
    parser.add_argument("--indicators", type=int, default=200_000, help="rows of the table")
    options = parser.parse_args()
    os.umask(0o077)
    cable = Cable()
    try:
        cable.plug()
        with tempfile.TemporaryDirectory(prefix="ronda-bench-") as folder:
            run(cable, Path(folder), options)
    finally:
        cable.close()


if __name__ == "__main__":
    main()
