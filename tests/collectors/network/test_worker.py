"""The sensor on real interfaces: nothing is missed without a word, and nothing stops it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.content.citizens import make_niks
from tests.collectors.network.namespaces import Cable, entered, run
from tests.collectors.network.sensing import ROOT, Sensor, talk, watching
from tests.patience import PATIENCE

pytestmark = [pytest.mark.root, pytest.mark.mounts]

NIK = re.compile(r"(?<![0-9a-f])[1-9][0-9]{15}(?![0-9a-f])")


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
    with watching(cable, tmp_path) as sensor:
        with page(cable, "/export.csv", body):
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


@pytest.mark.slow
def test_restarts_leave_nothing_behind(cable: Cable, tmp_path: Path) -> None:
    said = restarts(cable, tmp_path, kills=5, reloads=3)
    (before,) = said["before"]
    for census in (*said["killed"], *said["reloaded"]):
        for what in ("descriptors", "sockets", "rings", "threads", "children"):
            assert census[what] == before[what], what
    for census in said["ended"]:
        assert (census["threads"], census["children"], census["rings"]) == (1, 0, 0)
        assert census["seconds"] < 2
    gaps = [one for one in said["record"] if one["ronda.kind"] == "visibility.lost"]
    causes = [one["ronda.visibility.cause"] for one in gaps]
    assert causes == ["child_died"] * 5 + ["stopped"] * 3
    assert all(0 < one["event.duration"] < 20_000_000_000 for one in gaps)
    assert said["left"] == [[]]


def restarts(cable: Cable, state: Path, *, kills: int, reloads: int) -> dict[str, list[Any]]:
    """Run `tests.collectors.network.restarting`; return what it said, by kind."""
    words = ("-m", "tests.collectors.network.restarting", str(state), str(kills), str(reloads))
    done = subprocess.run(
        ("ip", "netns", "exec", cable.left, sys.executable, *words),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60 + 10 * (kills + reloads),
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said: dict[str, list[Any]] = {}
    for line in done.stdout.splitlines():
        for what, value in json.loads(line).items():
            said.setdefault(what, []).append(value)
    return said


@pytest.mark.slow
def test_a_full_disk_costs_no_gap_and_no_watch(cable: Cable, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64k", "ronda-test", str(state))
    try:
        (state / "ballast").write_bytes(bytes(64 << 10))
        with watching(cable, state) as sensor:
            os.kill(sensor.child, signal.SIGKILL)
            sensor.until(lambda: sensor.of("visibility.lost"), "the gap is told")
            sensor.until(lambda: sensor.coverage.get("child_restarts") == 1, "another child")
            talk(cable, 8085)
            assert sensor.close() == 0
        assert len(sensor.of("network.flow", destination_port=8085)) == 1
        assert [one.name for one in state.iterdir() if one.stat().st_size] == ["ballast"]
    finally:
        run("umount", str(state))


@pytest.mark.slow
def test_no_child_outlives_an_agent_that_is_killed(cable: Cable, tmp_path: Path) -> None:
    with loaded(cable), watching(cable, tmp_path) as sensor:
        send_page(cable)  # the content child, too
        sensor.until(lambda: len(sensor.descendants()) >= 2, "both children")
        left = sensor.descendants()
        sensor.kill()
        deadline = time.monotonic() + 2
        while any(alive(pid) for pid in left):
            assert time.monotonic() < deadline, left
            time.sleep(0.02)


@pytest.mark.slow
def test_the_end_comes_at_once_under_full_load(cable: Cable, tmp_path: Path) -> None:
    with loaded(cable), watching(cable, tmp_path) as sensor:
        send_page(cable)
        sensor.until(lambda: len(sensor.descendants()) >= 2, "both children")
        time.sleep(1)
        left, began = sensor.descendants(), time.monotonic()
        assert sensor.close() == 0
        took = time.monotonic() - began
        assert not any(alive(pid) for pid in left)
    # Two seconds for the sensor, and what its process needs to end after it.
    assert took < 2.5


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def send_page(cable: Cable) -> None:
    """Have a page cross in clear, as work for the content child."""
    with page(cable, "/", b"x" * 20):
        pass


@contextlib.contextmanager
def page(cable: Cable, path: str, body: bytes) -> Iterator[None]:
    """Have *body* cross in clear as the answer of the left end; the connection stays meanwhile."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: {len(body)}\r\n\r\n"
    with entered(cable.left):
        server = socket.create_server((Cable.LEFT, 80))
    with server:
        with entered(cable.right):
            client = socket.create_connection((Cable.LEFT, 80), timeout=PATIENCE)
        with client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: a.example.go.id\r\n\r\n".encode())
            peer, _ = server.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(head.encode() + body)
                yield


@contextlib.contextmanager
def loaded(cable: Cable, rate: int = 1_000_000) -> Iterator[None]:
    """Have as many packets come as the machine can send."""
    words = ("-m", "bench.network_packets", "right", str(rate), "60")
    with subprocess.Popen(
        ("ip", "netns", "exec", cable.right, sys.executable, *words),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    ) as generator:
        try:
            yield
        finally:
            generator.kill()
