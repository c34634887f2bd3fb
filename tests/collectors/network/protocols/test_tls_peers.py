"""What must not happen: public captures are read otherwise than Arkime and Suricata read them."""

from __future__ import annotations

import os

import pytest

from bench import network_known

pytestmark = pytest.mark.peer

if not network_known.FOLDER:
    pytest.skip("RONDA_PCAPS names no folder of captures", allow_module_level=True)


NOT_OPENED = {"arkime__ipv6-gtp6.pcap"}
"""GTP, the tunnel of mobile operators: no server of ours is inside one."""


def test_what_others_found_is_found() -> None:
    found = network_known.compare(network_known.FOLDER)
    assert len(found) > 500
    assert [one for one in found if not one.found and one.file not in NOT_OPENED] == []


def test_the_parsers_find_it_whoever_reads_the_packets() -> None:
    found = network_known.compare(network_known.FOLDER, network_known.records_by_scapy)
    assert [one for one in found if not one.found] == []


@pytest.mark.filterwarnings("ignore")  # scapy's, about what it does not know
def test_every_capture_is_survived() -> None:
    from scapy.error import Scapy_Exception

    told = 0
    for entry in os.scandir(network_known.FOLDER):
        if entry.name.endswith((".pcap", ".pcapng")):
            try:
                told += len(network_known.records_by_scapy(entry.path))
            except Scapy_Exception:  # a form of capture that it does not read
                continue
    assert told > 300
