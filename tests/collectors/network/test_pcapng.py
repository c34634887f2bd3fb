"""What must not happen: a time is off because a clock of a capture was misread."""

from __future__ import annotations

import struct

import pytest

from tests.collectors.network.test_pcap import ng_interface, ng_packet, ng_section, read_all


@pytest.mark.parametrize("vector", [True, False], ids=["numpy", "struct"])
@pytest.mark.parametrize(
    ("resolution", "ticks", "expected"),
    [
        (6, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
        (9, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        (0, 1_700_000_000, 1_700_000_000_000_000_000),
        (12, 1_700_000_000_123_456, 1_700_000_000_123),
        (128 | 10, 3 << 9, 1_500_000_000),
        (128 | 33, (5 << 33) + (1 << 31), 5_250_000_000),
        (128 | 50, (9 << 50) + (1 << 49), 9_500_000_000),
        (128 | 127, 1 << 62, 500_000_000),
        (127, 1 << 62, 0),
    ],
)
def test_clocks(resolution: int, ticks: int, expected: int, vector: bool) -> None:
    options = struct.pack("<HHB3x", 9, 1, resolution)
    data = ng_section() + ng_interface(1, options) + ng_packet(b"x", ticks)
    found, fault = read_all(data, vector=vector)
    assert not fault
    assert found[0][0] == expected
