"""A process that runs the sensor until it is killed: run_sensor.py SPOOL_DIRECTORY ROOT."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from collectors.files.sensor import FilesSensor
from collectors.files.settings import FileSettings
from tests.collectors.files.context import FakeContext


def main() -> None:
    """Run the sensor in the main thread, as the supervisor does in one of its own."""
    context = FakeContext(Path(sys.argv[1]))
    signal.signal(signal.SIGTERM, lambda *_: context.stopping.set())
    sensor = FilesSensor(
        FileSettings(paths=(sys.argv[2],), exclude=(), coalesce=0.05, reconcile_interval="1h"),
        context.state_dir,
    )

    def ready() -> None:
        while sensor.coverage().get("state") != "watching":
            if context.stopping.wait(0.02):
                return
        print("ready", flush=True)

    threading.Thread(target=ready, daemon=True).start()
    sensor.run(context)
    context.close()


if __name__ == "__main__":
    main()
