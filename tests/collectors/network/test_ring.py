"""A real ring on a real interface: every packet once, in order, and what is lost is counted."""

from __future__ import annotations

import os
import select
import socket
import struct
import time

import pytest

from collectors.network import ring
from collectors.network.ring import RingReader
from collectors.network.sockets import Capture, Shape, open_capture
from tests.collectors.network.namespaces import Cable, entered, run
from tests.patience import PATIENCE, until

pytestmark = [pytest.mark.root, pytest.mark.mounts]


class Tap:
    """A capture on one end of the cable, and its reader."""

    def __init__(self, cable: Cable, shape: Shape, name: str = "left") -> None:
        with entered(cable.left):
            index = socket.if_nametoindex(name)
            self.capture: Capture = open_capture(name, index, shape, loopback=name == "lo")
        self.reader = RingReader(os.dup(self.capture.fileno()), self.capture.ring)

    def udp(self, seconds: float = PATIENCE, least: int = 1) -> list[bytes]:
        """Return the payloads of UDP packets that come in, until there are *least*."""
        found: list[bytes] = []
        deadline = time.monotonic() + seconds
        while len(found) < least and time.monotonic() < deadline:
            block = self.reader.gather()
            if block is None:
                time.sleep(0.005)
                continue
            for at, captured in zip(block.offset.tolist(), block.captured.tolist(), strict=True):
                packet = bytes(block.data[at : at + captured])
                if packet[12:14] == b"\x08\x00" and packet[23] == 17:
                    found.append(packet[42:])
            self.reader.release()
        return found

    def close(self) -> None:
        self.reader.close()
        self.capture.close()


def send(cable: Cable, payloads: list[bytes], port: int = 9) -> None:
    with (
        entered(cable.left),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        for payload in payloads:
            sock.sendto(payload, (Cable.RIGHT, port))


@pytest.mark.parametrize("worth", [1, 1_000_000])
def test_every_packet_once_and_in_order_around_the_ring(
    cable: Cable, worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring, "_WORTH", worth)
    tap = Tap(cable, Shape(ring=1 << 20, retire=5))
    try:
        for turn in range(8):
            # 400 KB each time: the ring of 1 MB goes around three times.
            payloads = [struct.pack("!HH", turn, n) + b"x" * 1000 for n in range(400)]
            send(cable, payloads)
            assert tap.udp(least=400) == payloads
        assert tap.reader.counts()[1] == 0
    finally:
        tap.close()


def test_what_lies_behind_the_captured_length_is_not_shown(cable: Cable) -> None:
    tap = Tap(cable, Shape(ring=1 << 20, retire=5, snap=128))
    try:
        send(cable, [b"s" * 1000])
        (payload,) = tap.udp()
        assert payload == b"s" * (128 - 42)
    finally:
        tap.close()


def test_wire_length_and_time_are_told(cable: Cable) -> None:
    tap = Tap(cable, Shape(ring=1 << 20, retire=5, snap=128))
    try:
        send(cable, [b"s" * 1000])
        block = until(tap.reader.gather, "a block")
        assert int(block.wire.max()) == 1042
        assert abs(int(block.time[0]) - time.time_ns()) < 10_000_000_000
        assert block.interfaces == ("left",)
        tap.reader.release()
    finally:
        tap.close()


def test_a_stopped_reader_loses_packets_and_the_loss_is_counted(cable: Cable) -> None:
    tap = Tap(cable, Shape(ring=1 << 20, retire=5))
    try:
        payloads = [struct.pack("!I", n) + b"x" * 1400 for n in range(3000)]
        send(cable, payloads)
        received, dropped = tap.reader.counts()
        assert received >= 3000
        assert dropped > 1000
        assert tap.reader.counts() == (0, 0)
        # What was kept is the beginning, whole and in order; then it goes on.
        kept = tap.udp(least=3000 - dropped, seconds=2)
        assert kept == payloads[: len(kept)]
        send(cable, [b"later"])
        assert tap.udp() == [b"later"]
    finally:
        tap.close()


def test_a_vlan_tag_that_the_kernel_took_out_is_told(cable: Cable) -> None:
    tap = Tap(cable, Shape(ring=1 << 20, retire=5))
    try:
        with (
            entered(cable.right),
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock,
        ):
            sock.bind(("right", 0))
            # Priority 5, VLAN 42.
            sock.send(b"\xff" * 6 + b"\2" * 6 + bytes.fromhex("8100a02a88b5") + bytes(46))
        deadline = time.monotonic() + PATIENCE
        seen: set[int] = set()
        while 42 not in seen and time.monotonic() < deadline:
            block = tap.reader.gather()
            if block is not None:
                seen |= set() if block.vlan is None else set(block.vlan.tolist())
                tap.reader.release()
        assert 42 in seen
    finally:
        tap.close()


def test_an_interface_that_goes_down_and_comes_back_is_read_on(cable: Cable) -> None:
    tap = Tap(cable, Shape(ring=1 << 20, retire=5))
    try:
        poll = select.poll()
        poll.register(tap.reader, select.POLLIN | select.POLLERR)
        tap.udp(seconds=0.2)
        run("ip", "-n", cable.left, "link", "set", "left", "down")
        assert [event & select.POLLERR for _, event in poll.poll(1000 * PATIENCE)] == [
            select.POLLERR
        ]
        assert tap.reader.error()
        assert tap.reader.error() == ""
        run("ip", "-n", cable.left, "link", "set", "left", "up")
        tap.reader.error()
        payloads = [b"again"]

        def again() -> list[bytes]:
            send(cable, payloads)
            return tap.udp(seconds=0.5)

        assert until(again, "a packet")[0] == b"again"
    finally:
        tap.close()


def test_loopback_shows_each_packet_once(cable: Cable) -> None:
    tap = Tap(cable, Shape(ring=1 << 20, retire=5), "lo")
    try:
        with (
            entered(cable.left),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        ):
            for _ in range(5):
                sock.sendto(b"once", ("127.0.0.1", 9))
        assert tap.udp(least=6, seconds=0.5) == [b"once"] * 5
    finally:
        tap.close()
