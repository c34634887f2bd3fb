"""Packet sockets: nothing unwanted comes in, and what cannot work says why."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys

import pytest

from collectors.network.filter import endpoint
from collectors.network.messages import ETHERNET, RAW_IP
from collectors.network.sockets import Shape, link_type, open_capture, probe
from tests.collectors.network.namespaces import Cable, entered, run
from tests.collectors.network.test_ring import Tap, send
from tests.patience import PATIENCE

pytestmark = [pytest.mark.root, pytest.mark.mounts]

_WITHOUT_CAPABILITY = """
import os
from collectors.api import Unsupported
from collectors.network.sockets import probe
os.setuid(65534)
try:
    probe()
except Unsupported as reason:
    print(reason)
"""


def test_without_the_capability_it_is_unsupported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_CAPABILITY],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "CAP_NET_RAW" in done.stdout


def test_it_works_here() -> None:
    probe()


def test_an_interface_that_is_not_there_is_an_error(cable: Cable) -> None:
    with entered(cable.left), pytest.raises(OSError, match=r".*") as caught:
        open_capture("nothing0", 5, Shape())
    assert caught.value.errno in (errno.ENODEV, errno.ENXIO)


def test_another_interface_of_the_same_name_is_an_error(cable: Cable) -> None:
    with entered(cable.left), pytest.raises(OSError, match=r".*") as caught:
        open_capture("left", socket.if_nametoindex("left") + 1, Shape())
    assert caught.value.errno == errno.ENODEV


def test_a_block_too_small_for_a_packet_is_refused(cable: Cable) -> None:
    with entered(cable.left), pytest.raises(ValueError, match="block"):
        open_capture("left", socket.if_nametoindex("left"), Shape(block=4096))


def test_it_is_not_promiscuous(cable: Cable) -> None:
    tap = Tap(cable, Shape(ring=1 << 20))
    try:
        assert "promiscuity 0" in run("ip", "-n", cable.left, "-d", "link", "show", "left")
    finally:
        tap.close()


def test_link_types(cable: Cable) -> None:
    run("ip", "-n", cable.left, "tuntap", "add", "tun9", "mode", "tun")
    with entered(cable.left):
        assert [link_type(name) for name in ("left", "lo", "tun9")] == [ETHERNET, ETHERNET, RAW_IP]


def test_an_endpoint_that_is_left_out_does_not_come_in(cable: Cable) -> None:
    without = (endpoint(f"{Cable.RIGHT}:7001"), endpoint(f"[::ffff:{Cable.RIGHT}]:7001"))
    tap = Tap(cable, Shape(ring=1 << 20, retire=5, without=without))
    try:
        with entered(cable.right):
            servers = [socket.create_server((Cable.RIGHT, port)) for port in (7001, 7002)]
        for server in servers:
            with (
                entered(cable.left),
                socket.create_connection(server.getsockname(), timeout=PATIENCE) as client,
            ):
                client.sendall(b"hello")
            server.close()
        # UDP of the same port is not meant.
        send(cable, [b"end"], port=7001)
        ports: set[int] = set()
        seen: list[bytes] = []
        while b"end" not in seen:
            block = tap.reader.gather()
            if block is None:
                continue
            for at in block.offset.tolist():
                packet = bytes(block.data[at : at + 54])
                if packet[12:14] == b"\x08\x00" and packet[23] == 6:
                    ports |= {int.from_bytes(packet[34:36], "big")}
                    ports |= {int.from_bytes(packet[36:38], "big")}
                elif packet[12:14] == b"\x08\x00" and packet[23] == 17:
                    seen.append(bytes(block.data[at + 42 : at + 45]))
            tap.reader.release()
        assert 7002 in ports
        assert 7001 not in ports
    finally:
        tap.close()
