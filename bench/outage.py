"""The collector is away: what is lost, and does everyone know?

``python -m bench.outage [SECONDS]`` (600) keeps the collector down for SECONDS while files change,
then prints ``ronda delivery``; after that it does the same with a spool that is far too small.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.patience import until
from tests.system.deployment import Deployment


def main(seconds: float) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="ronda-bench-") as folder:
        run(Path(folder) / "away", seconds, files=3000, spool="1GiB")
        run(Path(folder) / "full", min(seconds, 30), files=4000, spool="200KiB")


def run(root: Path, seconds: float, *, files: int, spool: str) -> None:
    """One outage of *seconds* with *files* changes."""
    agent = f'[spool]\nmax_bytes = "{spool}"'
    with Deployment(root, exposure=False, agent=agent) as here:
        here.install()
        here.start_agent()
        until(lambda: here.agent_status().get("healthy"), "healthy agent")
        here.stop_server()
        begin = time.monotonic()
        for number in range(files):
            (here.web / f"f{number:05d}.txt").write_text(str(number))
            time.sleep(max(0.0, begin + seconds * number / files - time.monotonic()))
        down = time.monotonic() - begin
        here.start_server()
        until(lambda: here.agent_status().get("pending") == 0, "delivered", seconds=180)
        created = sum(
            1
            for event in here.events()
            if event.kind == "file.change" and event.fields["event.action"] == "created"
        )
        dropped = [
            event.fields["ronda.spool.dropped"]
            for event in here.events()
            if event.kind == "spool.dropped"
        ]
        print(f"collector away {down:.0f} s, spool {spool}: {files} created, {created} delivered")
        print(f"tombstones: {dropped}")
        print(here.ronda("delivery", check=False))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 600)
