"""What must not happen: a packet is lost or made up, a file keeps the reader for ever."""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.block import Block
from collectors.network.chunks import LARGEST
from collectors.network.pcap import CaptureError, read

PCAPS = Path(os.environ.get("RONDA_PCAPS", "/nowhere"))
"""Folder of public captures."""

Packet = tuple[int, int, int, bytes]
"""Time, link type, wire length, bytes."""


def packets(block: Block) -> list[Packet]:
    """Return the packets of *block* one by one."""
    return [
        (
            int(block.time[n]),
            block.link,
            int(block.wire[n]),
            bytes(block.data[int(block.offset[n]) : int(block.offset[n] + block.captured[n])]),
        )
        for n in range(len(block))
    ]


def read_all(data: bytes, chunk: int = 1 << 16, *, vector: bool = True) -> tuple[list[Packet], str]:
    """Return what is read of a file with *data* in it, and the error at its end."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        found: list[Packet] = []
        try:
            for block in read(file.fileno(), chunk=chunk, vector=vector):
                found += packets(block)
        except CaptureError as error:
            return found, str(error)
        return found, ""


def classic(
    content: list[bytes], *, order: str = "<", magic: int = 0xA1B2C3D4, link: int = 1
) -> bytes:
    """Return a pcap file; packet n is of second n and n units after."""
    longer = 8 if magic == 0xA1B2CD34 else 0
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for n, data in enumerate(content):
        out += struct.pack(order + "IIII", n, n, len(data), len(data) + 10) + bytes(longer) + data
    return out


def ng_block(kind: int, body: bytes, order: str = "<") -> bytes:
    """Return one block of a pcapng file."""
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def ng_section(order: str = "<") -> bytes:
    """Return a section header block."""
    return ng_block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def ng_interface(link: int = 1, options: bytes = b"", order: str = "<", snap: int = 0) -> bytes:
    """Return an interface description block."""
    return ng_block(1, struct.pack(order + "HHI", link, 0, snap) + options, order)


def ng_packet(data: bytes, ticks: int, interface: int = 0, order: str = "<") -> bytes:
    """Return an enhanced packet block."""
    head = struct.pack(
        order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data) + 10
    )
    return ng_block(6, head + data, order)


@pytest.fixture(params=[True, False], ids=["numpy", "struct"])
def vector(request: pytest.FixtureRequest) -> bool:
    """Both ways to make blocks."""
    return bool(request.param)


CONTENT = [b"x" * 60, b"", b"y" * 1514, b"z" * 70_000, b"w"]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("magic", "unit"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1), (0xA1B2CD34, 1000)]
)
@pytest.mark.parametrize("chunk", [64, 4096, 1 << 20])
def test_every_packet_of_a_pcap(
    order: str, magic: int, unit: int, chunk: int, vector: bool
) -> None:
    data = classic(CONTENT, order=order, magic=magic, link=113)
    found, fault = read_all(data, chunk, vector=vector)
    expected = [
        (n * 1_000_000_000 + n * unit, 113, len(each) + 10, each) for n, each in enumerate(CONTENT)
    ]
    assert (found, fault) == (expected, "")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("chunk", [64, 1 << 20])
def test_every_packet_of_a_pcapng(order: str, chunk: int, vector: bool) -> None:
    nano = struct.pack(order + "HHB3x", 9, 1, 9)
    binary = struct.pack(order + "HHB3x", 9, 1, 128 | 20)
    later = struct.pack(order + "HHq", 14, 8, 100)
    old = struct.pack(order + "HHIIII", 1, 0, 0, 7, 3, 9) + b"old"
    other = "<" if order == ">" else ">"
    data = (
        ng_section(order)
        + ng_interface(1, b"", order, snap=4)
        + ng_interface(101, nano + later, order)
        + ng_interface(101, binary, order)
        + ng_packet(b"one", 1_000_001, 0, order)
        + ng_packet(b"two", 5, 1, order)
        + ng_packet(b"three", 3 << 19, 2, order)
        + ng_block(0xBAD, bytes(1000), order)
        + ng_block(3, struct.pack(order + "I", 9) + b"four", order)
        + ng_block(2, old, order)
        + ng_section(other)
        + ng_interface(113, b"", other)
        + ng_packet(b"five", 2_000_000, 0, other)
    )
    found, fault = read_all(data, chunk, vector=vector)
    assert fault == ""
    assert sorted(found) == sorted(
        [
            (1_000_001_000, 1, 13, b"one"),
            (100_000_000_005, 101, 13, b"two"),
            (1_500_000_000, 101, 15, b"three"),
            (1_500_000_000, 1, 9, b"four"),
            (100_000_000_007, 101, 9, b"old"),
            (2_000_000_000, 113, 14, b"five"),
        ]
    )


def test_names_of_interfaces(vector: bool) -> None:
    name = struct.pack("<HH8s", 2, 4, b"eth0")
    data = ng_section() + ng_interface(1, name) + ng_interface(1) + ng_packet(b"x", 0, 1)
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        (block,) = read(file.fileno(), vector=vector)
    assert block.interface is not None
    assert (block.interfaces, list(block.interface)) == (("eth0", "1"), [1])


@pytest.mark.parametrize("cut", [1, 10, 40, 70_000])
def test_a_file_cut_off_keeps_what_came_before(cut: int, vector: bool) -> None:
    whole = classic(CONTENT[:4])
    found, fault = read_all(whole[:-cut], vector=vector)
    assert len(found) == 3
    assert "ends within a packet" in fault
    ng = ng_section() + ng_interface() + b"".join(ng_packet(each, 0) for each in CONTENT[:4])
    found, fault = read_all(ng[:-cut], vector=vector)
    assert len(found) == 3
    assert "the capture file ends within" in fault


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "fewer than 4 bytes"),
        (b"GIF89a", "begins with 47494638"),
        (classic([])[:20], "ends in its header"),
        (classic([b"a"]) + struct.pack("<IIII", 0, 0, LARGEST + 1, 0), "a packet of 4194305 bytes"),
        (classic([b"a"]) + b"\xff" * 16, "a packet of 4294967295 bytes at byte 41"),
        (ng_section()[:8] + bytes(40), "without byte order"),
        (ng_section() + ng_block(6, b"")[:4] + bytes(40), "a block of 0 bytes"),
        (ng_section() + struct.pack("<II", 77, 5) + bytes(40), "a block of 5 bytes"),
        (ng_section() + struct.pack("<II", 77, 0xFFFFFFFC) + bytes(40), "ends within a block"),
        (ng_section() + ng_packet(b"x", 0), "without its interface"),
        (ng_section() + ng_interface() * 5000, "an interface that cannot be"),
    ],
)
def test_nonsense_is_told(data: bytes, what: str, vector: bool) -> None:
    found, fault = read_all(data, vector=vector)
    assert what in fault
    assert len(found) <= 1


def test_a_packet_longer_than_its_block(vector: bool) -> None:
    lying = bytearray(ng_packet(b"abcd", 0))
    lying[20:24] = struct.pack("<I", 5)
    data = ng_section() + ng_interface() + ng_packet(b"good", 0) + bytes(lying)
    found, fault = read_all(data, vector=vector)
    assert [each[3] for each in found] == [b"good"]
    assert "longer than its block" in fault


def test_a_pipe_will_do(vector: bool) -> None:
    data = classic(CONTENT[:3])
    reader, writer = os.pipe()
    try:
        os.write(writer, data)
        os.close(writer)
        found = [each for block in read(reader, vector=vector) for each in packets(block)]
    finally:
        os.close(reader)
    assert [each[3] for each in found] == CONTENT[:3]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A capture file with some bytes changed."""
    content = draw(st.lists(st.binary(max_size=80), max_size=6))
    whole = draw(
        st.sampled_from(
            [
                classic(content),
                ng_section()
                + ng_interface()
                + b"".join(ng_packet(each, n << 31) for n, each in enumerate(content)),
            ]
        )
    )
    data = bytearray(whole)
    for _ in range(draw(st.integers(0, 6))):
        data[draw(st.integers(0, len(data) - 1))] = draw(
            st.sampled_from([0, 1, 2, 3, 6, 9, 20, 255])
        )
    return bytes(data[: draw(st.integers(0, len(data)))])


@given(mutated(), st.sampled_from([64, 200, 5000]))
def test_a_hostile_file_ends_and_both_ways_agree(data: bytes, chunk: int) -> None:
    fast = read_all(data, chunk, vector=True)
    assert fast == read_all(data, chunk, vector=False)
    assert sum(len(each[3]) for each in fast[0]) <= len(data)


def captures() -> Iterator[Path]:
    """Public captures, where they are."""
    yield from sorted(each for each in PCAPS.glob("*") if each.suffix in {".pcap", ".pcapng"})


@pytest.mark.peer
@pytest.mark.skipif(not PCAPS.is_dir(), reason="no public captures here")
def test_every_public_capture_is_read() -> None:
    for path in captures():
        data = path.read_bytes()
        found, fault = read_all(data)
        assert (found, fault) == read_all(data, 3000, vector=False), path.name
        assert found or fault or len(data) == 24, path.name
