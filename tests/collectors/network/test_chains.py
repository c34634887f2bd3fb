"""What must not happen: another result than that of walking from record to record."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network import chains
from collectors.network.chains import Layout

SECOND = 1_700_000_000
LAYOUTS = [Layout("<", 16), Layout(">", 16), Layout("<", 24)]


def slowly(data: memoryview, begin: int, layout: Layout) -> tuple[list[int], int]:
    """Walk one by one."""
    found: list[int] = []
    while begin + 12 <= len(data):
        (size,) = struct.unpack_from(layout.order + "8xI", data, begin)
        if begin + layout.header + size > len(data):
            break
        found.append(begin)
        begin += layout.header + size
    return found, begin


def record(layout: Layout, body: bytes) -> bytes:
    """Return a record with a packet."""
    head = struct.pack(layout.order + "4I", SECOND, 1, len(body), len(body))
    return head.ljust(layout.header, b"\0") + body


def same(data: bytes, begin: int, layout: Layout) -> bool:
    """Return whether both walks find the same."""
    view = memoryview(data)
    found, end = chains.walk(view, begin, layout)
    return (found.tolist(), end) == slowly(view, begin, layout)


def capture(layout: Layout, seed: int, sizes: list[int], length: int) -> bytes:
    """Return *length* bytes of records with packets of about *sizes*."""
    dice, made = random.Random(seed), bytearray()
    while len(made) < length:
        made += record(layout, dice.randbytes(dice.randrange(dice.choice(sizes) + 1)))
    return bytes(made[:length])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sizes", [[1500, 60], [60], [0], [9000, 64_000], [1500, 300_000]])
def test_records_of_all_sizes_are_found(layout: Layout, sizes: list[int]) -> None:
    for seed in range(3):
        length = 1_500_000 if sizes != [0] else 400_000
        assert same(b"123" + capture(layout, seed, sizes, length), 3, layout)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("few", [1, 8, 1000])
def test_packets_that_carry_a_capture_lead_nobody_astray(
    layout: Layout, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains, "_FEW", few)
    monkeypatch.setattr(chains, "SEGMENT", 4096)
    inner = capture(layout, 1, [100], 200_000)
    dice = random.Random(2)
    made = bytearray()
    for _ in range(400):
        begin, size = dice.randrange(len(inner)), dice.randrange(6000)
        made += record(layout, inner[begin : begin + size])
    for cut in (0, 1, 13, 5000):
        assert same(bytes(made[: len(made) - cut]), 0, layout)


@given(
    st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 3000)), max_size=40),
    st.sampled_from(LAYOUTS),
    st.binary(max_size=40),
)
def test_any_bytes_do_no_harm(parts: list[tuple[bytes, int]], layout: Layout, end: bytes) -> None:
    data = b"".join(record(layout, body * (count // (len(body) + 1))) for body, count in parts)
    assert same(data + end, 0, layout)
    assert same(end + data, 0, layout)
