"""What must not happen: both ways to read headers disagree, or bytes past a packet are believed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.network import headers, headers_struct
from collectors.network.block import ETHERNET, Block
from collectors.network.headers_struct import Parsed, Row
from collectors.network.pcap import CaptureError, read
from tests.collectors.network.packets import blocks, ether, ip4, make_block, tcp, udp

PCAPS = Path(os.environ.get("RONDA_PCAPS", "/nowhere"))


def packed(high: int, low: int, six: bool) -> bytes:
    """Return an address as bytes."""
    if six:
        return high.to_bytes(8, "little") + low.to_bytes(8, "little")
    return low.to_bytes(4, "little")


def as_parsed(found: headers.Headers) -> Parsed:
    """Return what numpy read in the shape of what struct reads."""
    rows = found.rows
    columns = {name: getattr(rows, name).tolist() for name in headers.COLUMNS}
    addresses = {
        end: [
            packed(*each)
            for each in zip(columns.pop(f"{end}_high"), columns[end], columns["six"], strict=True)
        ]
        for end in ("source", "destination")
    }
    columns |= addresses
    table = [Row(**{name: columns[name][n] for name in Row._fields}) for n in range(len(rows))]
    return Parsed(table, found.arp, found.other, found.malformed, found.echoes)


def both(block: Block) -> Parsed:
    """Return what is read, after both ways were found to agree."""
    found = as_parsed(headers.parse(block))
    assert found == headers_struct.parse(block)
    return found


@settings(max_examples=400)
@given(blocks())
def test_both_ways_agree(block: Block) -> None:
    found = both(block)
    told = len(found.rows) + len(found.arp) + found.other + found.malformed + found.echoes
    assert told == len(block)


@given(blocks())
def test_nothing_past_a_packet_is_believed(block: Block) -> None:
    # The same packets among other bytes.
    total = len(block.data)
    around = np.full(2 * total + 4096, 0xFF, np.uint8)
    offset = block.offset.copy()
    place = 0
    for n in range(len(block)):
        length = int(block.captured[n])
        here = int(block.offset[n])
        around[place : place + length] = np.frombuffer(block.data[here : here + length], np.uint8)
        offset[n] = place
        place += length + 60
    parts = {name: getattr(block, name) for name in block.__slots__}
    moved = Block(**(parts | {"data": memoryview(around.tobytes()), "offset": offset}))
    first, second = both(block), both(moved)
    assert [row._replace(payload=0) for row in first.rows] == [
        row._replace(payload=0) for row in second.rows
    ]


@settings(max_examples=200)
@given(blocks(), st.sampled_from([0, 16, 24]), st.sampled_from([80, 96, 120]))
def test_heads_change_nothing(block: Block, begin: int, width: int) -> None:
    heads = np.full((len(block), width), 0x08, np.uint8)
    data = np.frombuffer(block.data, np.uint8)
    for row, offset in zip(heads, block.offset.tolist(), strict=True):
        # What follows in memory belongs to another packet, as in a real window.
        part = data[offset : offset + width - begin]
        row[begin : begin + len(part)] = part
    both(replace(block, link=ETHERNET, loopback=False, heads=heads, heads_at=begin))


def test_both_ways_agree_on_many_packets_at_once() -> None:
    frames = [ether(0x0800, ip4(6, tcp(n, 80, data=bytes(n % 50)))) for n in range(1000)]
    frames += [ether(0x0800, ip4(17, udp(n, 53)))[: n % 43] for n in range(300)]
    assert len(both(make_block(frames)).rows) >= 1000


@pytest.mark.peer
@pytest.mark.skipif(not PCAPS.is_dir(), reason="no public captures here")
def test_both_ways_agree_on_public_captures() -> None:
    count = 0
    for path in sorted(PCAPS.glob("*.pcap*")):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for block in read(descriptor):
                count += len(both(block).rows)
        except CaptureError:
            pass
        finally:
            os.close(descriptor)
    assert count > 1000
