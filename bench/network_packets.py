"""A generator of Ethernet frames: ``python -m bench.network_packets INTERFACE PPS SECONDS``.

Sends with sendmmsg(2) past the queueing discipline (PACKET_QDISC_BYPASS), 64 frames for each call,
and prints how many frames the kernel took. Without tcpreplay, whose only advantage here would be
that others know it. Only for interfaces of one's own network namespaces.
"""

from __future__ import annotations

import ctypes
import json
import random
import socket
import struct
import sys
import time

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


def frames(count: int, connections: int = 2000, seed: int = 1) -> list[bytes]:
    """Return *count* frames of that many connections, mixed."""
    dice = random.Random(seed)
    known = [Connection(number, dice) for number in range(connections)]
    return [
        dice.choice(known).frame(dice.choice(_SIZES), from_client=dice.random() < 0.45)
        for _ in range(count)
    ]


def send(interface: str, rate: float, seconds: float) -> int:
    """Send at *rate* frames per second; return how many the kernel took."""
    libc = ctypes.CDLL(None, use_errno=True)
    made = frames(BATCH * BATCHES)
    buffers = [ctypes.create_string_buffer(frame, len(frame)) for frame in made]
    vectors = (_Vector * len(made))(
        *[
            _Vector(ctypes.addressof(one), len(frame))
            for one, frame in zip(buffers, made, strict=True)
        ]
    )
    messages = (_Message * len(made))()
    for number, message in enumerate(messages):
        message.header.vectors = ctypes.pointer(vectors[number])
        message.header.count = 1
    taken = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        sock.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
        sock.bind((interface, 0))
        batches = [
            ctypes.byref(messages, number * BATCH * ctypes.sizeof(_Message))
            for number in range(BATCHES)
        ]
        begin = time.perf_counter()
        number = 0
        while (now := time.perf_counter()) < begin + seconds:
            if number * BATCH > (now - begin) * rate:
                continue  # ahead of the rate: wait without giving up the core
            got = libc.sendmmsg(sock.fileno(), batches[number % BATCHES], BATCH, 0)
            taken += max(0, got)
            number += 1
    return taken


if __name__ == "__main__":
    print(json.dumps({"sent": send(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))}))
