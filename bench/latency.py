"""From close() of a dump to the row in ``ronda alerts list``, and to the notification.

``python -m bench.latency [COUNT]`` drops COUNT (20) dumps one after the other into the web root of
a real agent that reports to a real collector on this host, and prints p50 and p99 of both.
"""

from __future__ import annotations

import http.server
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench.people import dump
from tests.patience import until
from tests.system.deployment import Deployment, free_port


class Receiver:
    """Takes notifications by HTTP; remembers when each text came."""

    def __init__(self) -> None:
        self.port = free_port()
        self.bodies: list[tuple[float, str]] = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append((time.monotonic(), body.decode()))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def when(self, text: str) -> float | None:
        """Return the monotonic time at which a body that holds *text* came."""
        return next((at for at, body in self.bodies if text in body), None)

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def main(count: int) -> None:
    """Measure and print."""
    source = random.Random(time.time_ns())
    receiver = Receiver()
    channel = f'[[notify.channels]]\nname = "bench"\nurl = "json://127.0.0.1:{receiver.port}/"\n'
    try:
        with (
            tempfile.TemporaryDirectory(prefix="ronda-bench-") as folder,
            Deployment(Path(folder) / "d", server=channel) as here,
        ):
            here.install()
            here.start_agent()
            until(lambda: here.agent_status().get("healthy"), "healthy agent")
            time.sleep(2)
            pairs = [measure(here, receiver, source, number) for number in range(count)]
    finally:
        receiver.close()
    for name, values in zip(("alert", "notification"), zip(*pairs, strict=True), strict=True):
        print(
            f"close() to {name}: p50 {statistics.median(values):.3f} s, "
            f"p99 {sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)]:.3f} s, n {len(values)}"
        )


def measure(
    here: Deployment, receiver: Receiver, source: random.Random, number: int
) -> tuple[float, float]:
    """Drop one dump; return seconds to the alert and to the notification."""
    from server.cli.client import Client

    name = f"dump-{number:03d}-{source.randrange(10**6)}.sql"
    text, _ = dump(source, 200)
    with (here.web / name).open("w") as file:
        file.write(text)
    closed = time.monotonic()
    client = Client(str(here.socket))

    def listed() -> float | None:
        answer = json.dumps(client.get("/v1/alerts"))
        return time.monotonic() if name in answer else None

    alert = poll(listed)
    notified = poll(lambda: receiver.when(name))
    return alert - closed, notified - closed


def poll(condition: object) -> float:
    """Return the first true value of *condition*, asked every 5 ms for at most 20 s."""
    assert callable(condition)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return float(value)
        time.sleep(0.005)
    raise TimeoutError("no alert or notification within 20 s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
