"""Runs the network sensor until its standard input ends; what it says comes out as JSON lines.

A process of its own, so that `ip netns exec` gives it a namespace with a /proc and /sys to match.
Usage: python -m tests.collectors.network.watching STATE_DIR SETTINGS_JSON
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from collectors.api import Keys
from collectors.network.settings import NetworkSettings
from collectors.network.worker import Worker
from collectors.paths import PathGuard, SafePath
from collectors.sighting import Sighting


class Context:
    """A `collectors.api.SensorContext` that prints."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.stopping = threading.Event()
        self.guard = PathGuard(bytes(range(32)))
        self.keys = Keys(fleet=bytes(range(32)), fleet_epoch=1)
        self.worker: Worker | None = None
        self.coverage: dict[str, int | float | str] = {}

    def now(self) -> int:
        return time.time_ns()

    def emit(self, sighting: Sighting) -> None:
        self.say("record", msgspec.to_builtins(sighting.record))

    def say(self, what: str, value: Any) -> None:
        # In one piece: threads speak at the same time.
        sys.stdout.write(json.dumps({what: value}, default=repr) + "\n")
        sys.stdout.flush()

    def handover(self, source: str, upto: int, sightings: Sequence[Sighting]) -> None:
        raise NotImplementedError

    def cursor(self, source: str) -> int:
        raise NotImplementedError

    def publish(self, paths: Sequence[SafePath]) -> None:
        raise NotImplementedError

    def beat(self) -> None:
        pid = self.worker.child_pid if self.worker else None
        self.say("beat", {"child": pid, "coverage": self.coverage})


def main() -> None:
    """See the head of the module."""
    context = Context(Path(sys.argv[1]))
    settings = msgspec.json.decode(sys.argv[2], type=NetworkSettings)
    context.worker = Worker(settings, context, context.coverage)

    def wait() -> None:
        sys.stdin.read()
        context.stopping.set()

    threading.Thread(target=wait, daemon=True).start()
    context.worker.run()


if __name__ == "__main__":
    main()
