"""Restarts the network sensor's child again and again, and counts what the agent holds.

In a namespace of its own that has an interface ``left``, as root: ``ip netns exec NAME python -m
tests.collectors.network.restarting STATE_DIR KILLS RELOADS``. Prints JSON lines: every gap, and a
census before the first restart and after each one. Children are killed with SIGKILL; a reload is
what the agent does with new settings: one run of the sensor ends, another begins.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

from collectors.network import worker
from collectors.network.settings import NetworkSettings
from collectors.network.worker import Worker
from tests.collectors.network.watching import Context


def children() -> list[int]:
    """Return the processes that this one started, those that nobody waited for, too."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return sorted(found)


def census() -> dict[str, int]:
    """Count what may leak."""
    links = list(filter(None, map(_link, os.listdir("/proc/self/fd"))))
    return {
        "descriptors": len(links),
        "sockets": sum(link.startswith("socket:") for link in links),
        "rings": len(Path("/proc/net/packet").read_text().splitlines()) - 1,
        "threads": threading.active_count(),
        "children": len(children()),
        "kilobytes": int(Path("/proc/self/statm").read_text().split()[1])
        * resource.getpagesize()
        // 1024,
    }


def _link(descriptor: str) -> str:
    """Return what a descriptor is; nothing for files that are open while they are looked at."""
    try:
        link = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""
    return "" if link.startswith(("/proc", "/sys", "/etc")) else link


class Run:
    """One run of the sensor, on a thread as in the agent."""

    def __init__(self, state_dir: Path) -> None:
        self.context = Context(state_dir)
        settings = NetworkSettings(ring=1 << 20, ring_timeout=0.02)
        self.context.worker = Worker(settings, self.context, self.context.coverage)
        self.thread = threading.Thread(target=self.context.worker.run)
        self.thread.start()

    @property
    def child(self) -> int:
        """Process id of the child."""
        return (self.context.worker and self.context.worker.child_pid) or 0

    def answers(self, restarts: int = 0) -> None:
        """Wait until the child that came after so many deaths has answered.

        Raises:
            TimeoutError: it does not.
        """
        found, deadline = self.context.coverage, time.monotonic() + 30
        while found.get("child_restarts") != restarts or "left" not in str(found["interfaces"]):
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.02)

    def end(self) -> float:
        """End it; return the seconds that took."""
        begin = time.monotonic()
        self.context.stopping.set()
        self.thread.join()
        return time.monotonic() - begin


def main() -> None:
    """See the head of the module."""
    state_dir, kills, reloads = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    worker._MOST_DEATHS = 1 << 30  # the supervisor's part is not looked at here
    run = Run(state_dir)
    run.answers()
    run.context.say("before", census())
    for number in range(kills):
        os.kill(run.child, signal.SIGKILL)
        run.answers(number + 1)
        run.context.say("killed", census())
    for _ in range(reloads):
        seconds = run.end()
        run.context.say("ended", {**census(), "seconds": round(seconds, 2)})
        run = Run(state_dir)
        run.answers()
        run.context.say("reloaded", census())
    seconds = run.end()
    run.context.say("ended", {**census(), "seconds": round(seconds, 2)})
    print(json.dumps({"left": children()}), flush=True)


if __name__ == "__main__":
    main()
