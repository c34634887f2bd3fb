"""The network sensor in a namespace of its own, for tests that need real interfaces."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.collectors.network.namespaces import Cable, entered
from tests.patience import PATIENCE

ROOT = Path(__file__).parent.parent.parent.parent


class Sensor:
    """The sensor in one namespace, and what it said."""

    def __init__(self, namespace: str, state: Path, **settings: Any) -> None:
        state.mkdir(exist_ok=True)
        table = {"ring": 4 << 20, "ring_timeout": 0.05, **settings}
        self._process = subprocess.Popen(
            [
                *("ip", "netns", "exec", namespace, sys.executable),
                *("-m", "tests.collectors.network.watching", str(state), json.dumps(table)),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.records: list[dict[str, Any]] = []
        self.beat: dict[str, Any] = {}
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    @property
    def pid(self) -> int:
        """Process id of the agent's part."""
        return self._process.pid

    @property
    def child(self) -> int:
        """Process id of the child, 0 when there is none."""
        return int(self.beat.get("child") or 0)

    @property
    def coverage(self) -> dict[str, Any]:
        """What it says of itself."""
        found: dict[str, Any] = self.beat.get("coverage", {})
        return found

    def until(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
        """Take in what is said until *condition* holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what}: {self.records[-5:]} {self.beat}"
            self.take(0.2)

    def take(self, seconds: float) -> None:
        """Take in one line of what is said, if there is one within so many seconds."""
        with contextlib.suppress(queue.Empty):
            self._take(self._lines.get(timeout=seconds))

    def _take(self, line: str) -> None:
        said = json.loads(line)
        if "record" in said:
            self.records.append(said["record"])
        self.beat = said.get("beat", self.beat)

    def of(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the records of a kind that have these values (``_`` stands for a dot)."""
        wanted = {key.replace("_", "."): value for key, value in fields.items()}
        return [
            one
            for one in self.records
            if one["ronda.kind"] == kind and all(one.get(k) == v for k, v in wanted.items())
        ]

    def watches(self, name: str) -> bool:
        """Whether it says that it watches an interface, and the child has answered."""
        return name in str(self.coverage.get("interfaces", "")).split(", ")

    def descendants(self) -> list[int]:
        """Return the processes that the agent started."""
        found: list[int] = []
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{self._process.pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found

    def kill(self) -> None:
        """End it as the kernel does when memory is out."""
        self._process.kill()

    def ended(self) -> int:
        """Wait until it ends by itself; return its exit status."""
        return self._process.wait(PATIENCE)

    def close(self) -> int:
        """Have it stop; return its exit status."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            code = self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._reader.join()
            if self._process.stdout is not None:
                self._process.stdout.close()
        while not self._lines.empty():
            self._take(self._lines.get())
        return code


@contextlib.contextmanager
def watching(cable: Cable, state: Path, **settings: Any) -> Iterator[Sensor]:
    sensor = Sensor(cable.left, state, **settings)
    try:
        sensor.until(lambda: sensor.watches("left") and sensor.child, "the sensor runs")
        yield sensor
    finally:
        sensor.close()


def talk(cable: Cable, port: int, size: int = 100) -> None:
    """Have the right end fetch *size* bytes from the left one."""
    with entered(cable.left):
        server = socket.create_server((Cable.LEFT, port))
    with server:
        with entered(cable.right):
            client = socket.create_connection((Cable.LEFT, port), timeout=PATIENCE)
        with client:
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"x" * size)
            while client.recv(65536):
                pass
