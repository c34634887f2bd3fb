"""What must not happen: public captures are read otherwise than Arkime and Suricata read them."""

from __future__ import annotations

import os

import pytest

from bench import network_spoken
from bench.network_known import FOLDER
from collectors.network.chunks import CaptureError

pytestmark = pytest.mark.peer

if not FOLDER:
    pytest.skip("RONDA_PCAPS names no folder of captures", allow_module_level=True)


def test_what_others_found_is_found() -> None:
    found = network_spoken.compare(FOLDER)
    assert len(found) > 300
    assert [one for one in found if not one.found and not one.left_out] == []


def test_no_capture_makes_a_parser_fail() -> None:
    told = 0
    for entry in os.scandir(FOLDER):
        if entry.name.endswith((".pcap", ".pcapng")):
            try:
                seen, stats = network_spoken.records(entry.path)
            except CaptureError:
                continue
            told += len(seen)
            assert stats.faults == 0, entry.name
    assert told > 1000
