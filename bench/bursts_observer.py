"""watchdog's stock observer, for comparison: bench.bursts_observer ROOT OUTPUT, until SIGTERM.

Writes the paths that it has heard of as there and as gone.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import warnings
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.inotify import InotifyObserver


class Handler(FileSystemEventHandler):
    """Keeps the names."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.gone: set[str] = set()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Sort one event."""
        if event.event_type == "deleted":
            self.gone.add(str(event.src_path))
        elif event.event_type == "moved":
            self.gone.add(str(event.src_path))
            self.there.add(str(event.dest_path))
        else:
            self.there.add(str(event.src_path))


def main() -> None:
    """See the module."""
    warnings.simplefilter("ignore")  # it dumps its whole table of watches
    logging.disable()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    handler = Handler()
    observer = InotifyObserver()
    observer.schedule(handler, sys.argv[1], recursive=True)
    observer.start()
    print("ready", flush=True)
    stop.wait()
    observer.stop()
    observer.join(30)
    heard = {"there": sorted(handler.there), "gone": sorted(handler.gone)}
    Path(sys.argv[2]).write_text(json.dumps(heard))


if __name__ == "__main__":
    main()
