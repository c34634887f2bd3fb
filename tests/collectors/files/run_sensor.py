"""A process that runs the sensor until it is killed: run_sensor.py DIRECTORY ROOT[:ROOT] [WATCHES].

The environment's RONDA_TEST_ROOT is the file system whose packages are known; without it none are.
RONDA_TEST_HOST is where the host's file system begins, for what paths mean.
With WATCHES it has a limit of so many inotify watches, in a user namespace of its own so that
nobody else feels it; SIGUSR1 lifts the limit. Coverage goes to stdout, a line each time it changes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from collectors.files.sensor import FilesSensor
from collectors.files.settings import FileSettings
from tests.collectors.files.context import BACKEND, FakeContext

_ROOT = os.environ.get("RONDA_TEST_ROOT")
_LIMIT = Path("/proc/sys/user/max_inotify_watches")


def main() -> None:
    """Run the sensor in the main thread, as the supervisor does in one of its own."""
    limit = sys.argv[3] if len(sys.argv) > 3 else None
    context = FakeContext(Path(sys.argv[1]))
    signal.signal(signal.SIGTERM, lambda *_: context.stopping.set())
    if limit is not None:
        _LIMIT.write_text(limit)
        signal.signal(signal.SIGUSR1, lambda *_: _LIMIT.write_text("100000") and None)
    sensor = FilesSensor(
        FileSettings(
            paths=tuple(sys.argv[2].split(":")),
            exclude=(),
            coalesce=0.05,
            packages=_ROOT is not None,
            backend=os.environ.get(BACKEND, "inotify"),
            reconcile_interval="1h" if limit is None else "1s",
        ),
        context.state_dir,
        os.fsencode(os.environ.get("RONDA_TEST_HOST") or _ROOT or "/"),
        protect=False,
    )

    def report() -> None:
        last = ""
        while not context.stopping.wait(0.02):
            coverage = sensor.coverage()
            del coverage["last_reconcile_age"]
            line = json.dumps(coverage)
            if line != last:
                print(line, flush=True)
            last = line

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    sensor.run(context)
    reporter.join()
    print(json.dumps(sensor.coverage()), flush=True)
    context.close()


if __name__ == "__main__":
    main()
