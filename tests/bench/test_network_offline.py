"""What must not happen: a made-up capture differs from run to run, or its packets go unread."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import network_capture, network_offline
from collectors.network.engine import Engine
from collectors.network.model import Flow
from collectors.network.pcap import read


def test_the_same_seed_writes_the_same_capture(tmp_path: Path) -> None:
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    network_capture.write(one, 2000, 3)
    network_capture.write(other, 2000, 3)
    assert Path(one).read_bytes() == Path(other).read_bytes()


@pytest.mark.parametrize("heads", [True, False])
def test_all_its_packets_are_accounted_for(tmp_path: Path, heads: bool) -> None:
    path = str(tmp_path / "capture")
    network_capture.write(path, 5000, 4)
    engine = Engine(network_offline.Nothing() if heads else None)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for block in read(descriptor):
            engine.feed(block)
    finally:
        os.close(descriptor)
    engine.finish()
    flows = [each for each in engine.drain() if isinstance(each, Flow)]
    assert sum(each.client_packets + each.server_packets for each in flows) == 5000
    stats = engine.stats()
    assert (stats.packets, stats.other, stats.malformed, stats.duplicates) == (5000, 0, 0, 0)
    assert (stats.read > 0) == heads
