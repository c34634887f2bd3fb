"""The sensor with a state directory of 2 MB, begun again when it fails, as the supervisor does.

run_on_small_disk.py DIRECTORY ROOT, in a mount namespace of its own. Says "watching" and
"failed: REASON" on stdout.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

from collectors.files.sensor import FilesSensor
from collectors.files.settings import FileSettings
from tests.collectors.files.context import BACKEND, FakeContext


def report(sensor: FilesSensor, stopping: threading.Event) -> None:
    """Say when the tree has been compared."""
    while sensor.coverage()["state"] in ("not started", "first baseline", "comparing"):
        if stopping.wait(0.02):
            return
    if sensor.coverage()["state"] == "watching":
        print("watching", flush=True)


def main() -> None:
    """See the module."""
    directory, root = Path(sys.argv[1]), sys.argv[2]
    sensors = directory / "sensors"
    sensors.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", sensors], check=True)
    context = FakeContext(directory)
    signal.signal(signal.SIGTERM, lambda *_: context.stopping.set())
    settings = FileSettings(
        paths=(root,),
        exclude=(),
        coalesce=0.05,
        packages=False,
        backend=os.environ.get(BACKEND, "inotify"),
        reconcile_interval="1h",
    )
    while not context.stopping.is_set():
        sensor = FilesSensor(settings, context.state_dir)
        threading.Thread(target=report, args=(sensor, context.stopping), daemon=True).start()
        try:
            sensor.run(context)
        except sqlite3.OperationalError as error:
            print(f"failed: {error}", flush=True)
            context.stopping.wait(0.1)
    context.close()


if __name__ == "__main__":
    main()
