"""The sensor on real interfaces: nothing is missed without a word, and nothing stops it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.content.citizens import make_niks
from tests.collectors.network.namespaces import Cable, entered, run
from tests.patience import PATIENCE

pytestmark = pytest.mark.root
if os.geteuid():
    pytest.skip("needs root", allow_module_level=True)

NIK = re.compile(r"(?<![0-9a-f])[1-9][0-9]{15}(?![0-9a-f])")
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
            with contextlib.suppress(queue.Empty):
                self._take(self._lines.get(timeout=0.2))

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


@pytest.fixture
def cable() -> Iterator[Cable]:
    made = Cable()
    try:
        made.plug()
        yield made
    finally:
        made.close()


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


def test_what_is_said_is_told_once_and_nothing_else(cable: Cable, tmp_path: Path) -> None:
    # One sensor for all of it: each start of one takes seconds.
    with watching(cable, tmp_path) as sensor:
        sensor.until(lambda: sensor.watches("lo"), "loopback")
        time.sleep(1.5)
        for kind in ("visibility.lost", "network.finding", "child.crashed"):
            assert sensor.of(kind) == [], "a quiet host"
        talk(cable, 8080, size=5000)
        with (
            entered(cable.left),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        ):
            for _ in range(7):
                sock.sendto(b"hello", ("127.0.0.1", 7777))
    # At the latest when the sensor ends.
    (flow,) = sensor.of("network.flow", destination_port=8080)
    assert (flow["source.ip"], flow["destination.ip"]) == (Cable.RIGHT, Cable.LEFT)
    assert (flow["network.direction"], flow["network.transport"]) == ("inbound", "tcp")
    assert flow["destination.bytes"] > 5000
    assert flow["observer.ingress.interface.name"] == "left"
    (flow,) = sensor.of("network.flow", destination_port=7777)
    assert (flow["source.packets"], flow["network.direction"]) == (7, "internal")
    for kind in ("visibility.lost", "network.finding", "child.crashed"):
        assert sensor.of(kind) == []


def test_the_death_of_the_child_is_a_gap_and_the_watch_goes_on(
    cable: Cable, tmp_path: Path
) -> None:
    with watching(cable, tmp_path) as sensor:
        first = sensor.child
        os.kill(first, signal.SIGKILL)
        sensor.until(lambda: sensor.of("visibility.lost"), "the gap is told")
        (gap,) = sensor.of("visibility.lost")
        assert gap["ronda.visibility.cause"] == "child_died"
        assert 0 < gap["event.duration"] < 20_000_000_000
        assert gap["event.end"] - gap["event.start"] == gap["event.duration"]
        (crash,) = sensor.of("child.crashed")
        assert (crash["event.reason"], crash["error.message"]) == ("signal", "SIGKILL")
        sensor.until(lambda: sensor.child not in (0, first), "another child")
        sensor.until(lambda: sensor.coverage.get("child_restarts") == 1, "its first answer")
        talk(cable, 8081)
    assert len(sensor.of("network.flow", destination_port=8081)) == 1


@pytest.mark.slow
def test_a_child_that_dies_again_and_again_is_the_supervisors_business(
    cable: Cable, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        sensor = Sensor(cable.left, tmp_path)
        stack.callback(sensor.close)
        killed: set[int] = set()
        deadline = time.monotonic() + 30
        while len(killed) < 6 and time.monotonic() < deadline:
            sensor.until(lambda: sensor.child not in (0, *killed), "a child")
            killed.add(sensor.child)
            os.kill(sensor.child, signal.SIGKILL)
        assert sensor.ended() != 0
    assert len(sensor.of("child.crashed")) == 6


@pytest.mark.slow
def test_a_flood_is_a_gap_with_its_losses_and_the_watch_goes_on(
    cable: Cable, tmp_path: Path
) -> None:
    with watching(cable, tmp_path, ring=1 << 20) as sensor:
        # Stopped, the child reads nothing: the ring of 1 MB overflows.
        os.kill(sensor.child, signal.SIGSTOP)
        try:
            with (
                entered(cable.left),
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
            ):
                for _ in range(3000):
                    sock.sendto(b"x" * 1400, (Cable.RIGHT, 9))
        finally:
            os.kill(sensor.child, signal.SIGCONT)
        sensor.until(lambda: sensor.of("visibility.lost"), "the overflow is told")
        (gap,) = sensor.of("visibility.lost")
        assert gap["ronda.visibility.cause"] == "packets_dropped"
        assert gap["event.duration"] > 0
        assert "of left were lost" in gap["event.reason"]
        assert ", 0 lost" not in sensor.coverage["interface left"]
        talk(cable, 8082)
    assert len(sensor.of("network.flow", destination_port=8082)) == 1


@pytest.mark.slow
def test_an_interface_that_vanishes_and_comes_back(cable: Cable, tmp_path: Path) -> None:
    with watching(cable, tmp_path) as sensor:
        cable.unplug()
        sensor.until(lambda: sensor.of("visibility.lost"), "its end is told")
        (gone,) = sensor.of("visibility.lost")
        assert gone["ronda.visibility.cause"] == "interface_gone"
        assert "event.end" not in gone
        sensor.until(lambda: not sensor.watches("left"), "it is watched no more")
        assert sensor.watches("lo"), "the others go on"
        cable.plug()
        sensor.until(lambda: len(sensor.of("visibility.lost")) == 2, "its return is told")
        back = sensor.of("visibility.lost")[1]
        assert back["event.start"] == gone["event.start"]
        assert back["event.duration"] > 0
        sensor.until(lambda: sensor.watches("left"), "it is watched again")
        talk(cable, 8083)
    assert len(sensor.of("network.flow", destination_port=8083)) == 1


@pytest.mark.slow
def test_an_interface_that_appears_is_watched(cable: Cable, tmp_path: Path) -> None:
    with watching(cable, tmp_path) as sensor:
        run("ip", "-n", cable.left, "link", "add", "late0", "type", "veth", "peer", "name", "late1")
        run("ip", "-n", cable.left, "link", "set", "late0", "up")
        sensor.until(lambda: sensor.watches("late0"), "the new interface")
    assert sensor.of("visibility.lost") == []


def test_citizens_data_in_a_response_is_told_within_seconds(cable: Cable, tmp_path: Path) -> None:
    niks = make_niks(300, seed=4)
    body = ("nik,nama\n" + "".join(f"{nik},Budi\n" for nik in niks)).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: {len(body)}\r\n\r\n"
    with watching(cable, tmp_path) as sensor:
        with entered(cable.left):
            server = socket.create_server((Cable.LEFT, 80))
        with server:
            with entered(cable.right):
                client = socket.create_connection((Cable.LEFT, 80), timeout=PATIENCE)
            with client:
                client.sendall(b"GET /export.csv HTTP/1.1\r\nHost: a.example.go.id\r\n\r\n")
                peer, _ = server.accept()
                with peer:
                    peer.recv(1000)
                    peer.sendall(head.encode() + body)
                    sensor.until(lambda: sensor.of("network.content"), "the data is told")
        (found,) = sensor.of("network.content")
        assert NIK.search(json.dumps(sensor.records)) is None
        assert found["source.ip"] == Cable.RIGHT or found["destination.ip"] == Cable.RIGHT
        assert "nik" in json.dumps(found)


@pytest.mark.slow
def test_programs_and_users_are_told(cable: Cable, tmp_path: Path) -> None:
    with watching(cable, tmp_path) as sensor:
        with entered(cable.right):
            server = socket.create_server((Cable.RIGHT, 8084))
        with server:
            with entered(cable.left):
                client = socket.create_connection((Cable.RIGHT, 8084), timeout=PATIENCE)
            with client:
                peer, _ = server.accept()
                with peer:
                    peer.sendall(b"hello")
                    # It lives on until the child knows whose it is.
                    sensor.until(lambda: sensor.coverage.get("owners_found"), "its owner")
    (flow,) = sensor.of("network.flow", destination_port=8084)
    assert flow["network.direction"] == "outbound"
    assert flow["process.name"] == Path("/proc/self/comm").read_text().strip()
    assert flow["user.name"] == "root"
