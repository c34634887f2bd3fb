"""Capture files through the real child: what is in them comes out, what is wrong is said."""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterable

import pytest

from bench.network_packets import connections, frames
from collectors.kinds import NetworkFlow, NetworkService
from collectors.network.messages import Answer
from collectors.network.replay import read_file
from collectors.network.settings import NetworkSettings
from collectors.sighting import Sighting

KEY = bytes(range(32))
START = 1_764_000_000
NIK = "3171234501900001"


def packed(packets: Iterable[bytes]) -> bytes:
    """A capture file of *packets*, one a millisecond."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    parts = [
        struct.pack("<IIII", START, 1000 * number, len(one), len(one)) + one
        for number, one in enumerate(packets)
    ]
    return head + b"".join(parts)


def question(name: str, port: int = 40_000) -> bytes:
    """A question of DNS in a frame."""
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split("."))
    dns = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    udp = struct.pack("!HHHH", port, 53, 8 + len(dns), 0) + dns
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0)
    return bytes(12) + b"\x08\x00" + ip + bytes([10, 0, 0, 7, 10, 0, 0, 53]) + udp


def read(
    data: bytes, settings: NetworkSettings | None = None, local: tuple[bytes, ...] = ()
) -> tuple[Answer, list[Sighting]]:
    """Return the last answer and all that was told."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        answers = list(read_file(file.fileno(), KEY, settings or NetworkSettings(), local))
    return answers[-1], [one for answer in answers for one in answer.sightings]


@pytest.mark.parametrize("data", [b"", b"root:x:0:0:root:/root:/bin/bash\n", packed([])[:10]])
def test_what_is_no_capture_is_said(data: bytes) -> None:
    last, told = read(data)
    assert (last.done, last.packets, told) == (True, 0, [])
    assert "capture file" in last.damage


def test_an_empty_capture_is_no_mistake() -> None:
    last, told = read(packed([]))
    assert (last.done, last.damage, told) == (True, "", [])


def test_what_came_before_the_damage_is_told() -> None:
    last, told = read(packed([question("a.example.org")] * 3)[:-5])
    assert last.damage
    assert last.packets == 2
    assert [one.record.question for one in told if isinstance(one.record, NetworkService)] == [
        "a.example.org"
    ]


def test_every_packet_is_counted_once() -> None:
    packets = frames(5000, connections(50))
    last, told = read(packed(packets), local=(bytes([10, 9, 0, 1]),))
    flows = [one.record for one in told if isinstance(one.record, NetworkFlow)]
    assert last.packets == 5000
    assert sum(one.sent_packets + one.answered_packets for one in flows) == 5000
    assert sum(one.sent + one.answered for one in flows) == sum(len(one) - 14 for one in packets)
    assert {one.direction for one in flows} == {"inbound"}


def test_identifiers_in_names_do_not_leave_the_child() -> None:
    _, told = read(packed([question(f"{NIK}.example.org")]))
    assert len(told) > 1
    assert NIK not in repr(told)


def test_names_are_reduced_by_policy() -> None:
    settings = NetworkSettings(domains_only=True)
    _, told = read(packed([question("very.secret.example.org")]), settings)
    assert "secret" not in repr(told)


def test_the_clock_of_the_host_plays_no_part() -> None:
    _, told = read(packed(frames(100, connections(3))))
    assert all(abs(one.observed - START * 1_000_000_000) < 4e12 for one in told)
