"""Runs files and exposure sensor in one process until it is killed: DIRECTORY ROOT."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from collectors.exposure.sensor import ExposureSensor
from collectors.exposure.settings import ExposureSettings
from collectors.files.sensor import FilesSensor
from collectors.files.settings import FileSettings
from collectors.paths import SafePath
from tests.collectors.files.context import FakeContext


class Publishing(FakeContext):
    """The files sensor's side: passes on what changed before it commits, as the supervisor does."""

    taker: ExposureSensor

    def publish(self, paths: Sequence[SafePath]) -> None:
        """See `collectors.api.SensorContext`."""
        self.taker.offer(paths)


def main() -> None:
    """Run both; the files sensor in the main thread."""
    directory, root = Path(sys.argv[1]), sys.argv[2]
    looking = FakeContext(directory)
    looking.state_dir = directory / "sensors" / "exposure"
    looking.state_dir.mkdir(exist_ok=True)
    settings = ExposureSettings(paths=(root,), web_roots=(root,), web_configs=())
    exposure = ExposureSensor(settings, looking.state_dir)
    watching = Publishing(directory)
    watching.taker = exposure

    def stop(*_: object) -> None:
        watching.stopping.set()
        looking.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    thread = threading.Thread(target=exposure.run, args=(looking,))
    thread.start()
    files = FileSettings(paths=(root,), exclude=(), coalesce=0.05, reconcile_interval="1h")
    FilesSensor(files, watching.state_dir).run(watching)
    thread.join()
    watching.close()
    looking.close()


if __name__ == "__main__":
    main()
