"""A generator of Ethernet frames:
``python -m bench.network_packets INTERFACE PPS SECONDS [PCAP [COUNT]]``.

Without a capture file (or with an empty name): COUNT (2000) TCP connections, opened once, whose
segments go around and around. ``flood`` in its place: SYN from made-up addresses, COUNT different
ones (500,000).

Sends with sendmmsg(2) past the queueing discipline (PACKET_QDISC_BYPASS), 64 frames for each call,
and prints how many frames the kernel took. Without tcpreplay, whose only advantage here would be
that others know it. Only for interfaces of one's own network namespaces.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import socket
import struct
import sys
import time

from collectors.network import pcap

_SOL_PACKET, _PACKET_QDISC_BYPASS = 263, 20
BATCH = 64
BATCHES = 256
_SIZES = (0, 0, 0, 0, 100, 400, 1200)
"""Payloads of TCP segments: more than half are bare acknowledgements, as on a busy server."""


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.POINTER(_Vector)),
        ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    _fields_ = (("header", _Header), ("sent", ctypes.c_uint))


class Connection:
    """A TCP connection whose segments are made one after another."""

    def __init__(self, number: int, dice: random.Random) -> None:
        self._ends = (
            (bytes([10, 1, number >> 8 & 255, number & 255]), 20_000 + number % 40_000),
            (bytes([10, 9, 0, 1]), dice.choice((80, 443, 443, 443, 5432))),
        )
        self._sequence = [dice.getrandbits(32), dice.getrandbits(32)]
        self._opened = 0

    def frame(self, size: int, *, from_client: bool) -> bytes:
        """Return the next segment, with *size* bytes of payload."""
        flags = 0x18 if size else 0x10
        if self._opened < 2:  # SYN, SYN-ACK
            from_client, size = self._opened == 0, 0
            flags = 0x02 if from_client else 0x12
            self._opened += 1
        ends = self._ends if from_client else self._ends[::-1]
        mine = not from_client
        sequence, acknowledged = self._sequence[mine], self._sequence[not mine]
        self._sequence[mine] = (sequence + (size or flags & 2 > 0)) & 0xFFFFFFFF
        ip = struct.pack(
            *("!BBHHHBBH4s4s", 0x45, 0, 40 + size, 0, 0x4000, 64, 6, 0, ends[0][0], ends[1][0])
        )
        tcp = struct.pack(
            *("!HHIIBBHHH", ends[0][1], ends[1][1], sequence, acknowledged),
            *(0x50, flags, 64_000, 0, 0),
        )
        return b"\xff" * 6 + b"\x02" * 6 + b"\x08\x00" + ip + tcp + b"." * size


def opening(known: list[Connection]) -> list[bytes]:
    """Return the frames with which all connections are opened."""
    return [one.frame(0, from_client=turn == 0) for one in known for turn in range(2)]


def connections(count: int = 2000, seed: int = 1) -> list[Connection]:
    """Return that many connections."""
    dice = random.Random(seed)
    return [Connection(number, dice) for number in range(count)]


def frames(count: int, known: list[Connection], seed: int = 1) -> list[bytes]:
    """Return *count* frames of *known* connections, mixed."""
    dice = random.Random(seed)
    return [
        dice.choice(known).frame(dice.choice(_SIZES), from_client=dice.random() < 0.45)
        for _ in range(count)
    ]


def from_file(path: str, most: int = 400_000) -> list[bytes]:
    """Return the first *most* frames of a capture file."""
    found: list[bytes] = []
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for block in pcap.read(descriptor):
            for at, size in zip(block.offset.tolist(), block.captured.tolist(), strict=True):
                found.append(bytes(block.data[at : at + min(size, 1514)]))
                if len(found) == most:
                    return found
    finally:
        os.close(descriptor)
    return found


class Batches:
    """Frames as sendmmsg(2) takes them."""

    def __init__(self, made: list[bytes]) -> None:
        made = made[: max(BATCH, len(made) // BATCH * BATCH)]
        self._buffers = [ctypes.create_string_buffer(frame, len(frame)) for frame in made]
        self._vectors = (_Vector * len(made))(
            *[_Vector(ctypes.addressof(one), len(one)) for one in self._buffers]
        )
        self._messages = (_Message * len(made))()
        for number, message in enumerate(self._messages):
            message.header.vectors = ctypes.pointer(self._vectors[number])
            message.header.count = 1
        self.sizes = [min(BATCH, len(made) - at) for at in range(0, len(made), BATCH)]
        self.references = [
            ctypes.byref(self._messages, at * ctypes.sizeof(_Message))
            for at in range(0, len(made), BATCH)
        ]


def send(sock: socket.socket, batches: Batches, rate: float, until: float, *, once: bool) -> int:
    """Send at *rate* frames per second until that time; return how many the kernel took.

    *once*: not around and around.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor, count = sock.fileno(), len(batches.references)
    taken = offered = number = 0
    begin = time.perf_counter()
    while (now := time.perf_counter()) < until and not (once and number == count):
        if offered > (now - begin) * rate:
            continue  # ahead of the rate: wait without giving up the core
        which = number % count
        got = libc.sendmmsg(descriptor, batches.references[which], batches.sizes[which], 0)
        taken += max(0, got)
        offered += batches.sizes[which]
        number += 1
    return taken


def flood(count: int, seed: int = 1) -> list[bytes]:
    """Return *count* SYN to one port, each from another address."""
    dice = random.Random(seed)
    found = []
    for _ in range(count):
        source = bytes([dice.randrange(11, 220)]) + dice.randbytes(3)
        ip = struct.pack(
            *("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0x4000, 64, 6, 0, source, bytes([10, 9, 0, 1]))
        )
        port, sequence = dice.randrange(1024, 65536), dice.getrandbits(32)
        tcp = struct.pack("!HHIIBBHHH", port, 80, sequence, 0, 0x50, 2, 64_000, 0, 0)
        found.append(b"\xff" * 6 + b"\x02" * 6 + b"\x08\x00" + ip + tcp)
    return found


def main(interface: str, rate: float, seconds: float, path: str = "", count: int = 0) -> None:
    """Send, and print how much."""
    first: list[bytes] = []
    if path == "flood":
        rest = flood(count or 500_000)
    elif path:
        rest = from_file(path)
    else:
        known = connections(count or 2000)
        first = opening(known)
        rest = frames(BATCH * BATCHES, known)
    opened, around = Batches(first) if first else None, Batches(rest)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        sock.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
        sock.bind((interface, 0))
        begin = time.perf_counter()
        sent = 0
        if opened is not None:
            sent += send(sock, opened, rate, begin + seconds, once=True)
        sent += send(sock, around, rate, begin + seconds, once=False)
        print(json.dumps({"sent": sent, "seconds": time.perf_counter() - begin}))


if __name__ == "__main__":
    interface, rate, seconds, path, count = (*sys.argv[1:], *["", "0"][len(sys.argv) - 4 :])
    main(interface, float(rate), float(seconds), path, int(count))
