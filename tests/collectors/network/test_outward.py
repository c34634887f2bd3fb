"""What leaves the child is scrubbed and in order."""

from __future__ import annotations

import pytest

from collectors.kinds import NetworkFinding, Severity
from collectors.network import outward
from collectors.network.model import UDP, Direction, Finding
from tests.collectors.network.flows import START, conn

NIK = "3171234501900001"


def found(**more: object) -> Finding:
    return Finding(
        **{  # type: ignore[arg-type]
            "rule": "scan.vertical",
            "at": START + 9,
            "begin": START,
            "severity": "high",
            "technique": "T1046",
            **more,
        }
    )


@pytest.mark.parametrize("packed", [b"", b"\1", b"\1" * 5, b"\1" * 17])
def test_what_is_no_address_is_absent(packed: bytes) -> None:
    assert outward.address(packed) is None


def test_addresses_and_protocols() -> None:
    assert outward.address(bytes([10, 0, 0, 1])) == "10.0.0.1"
    assert outward.address(bytes(15) + b"\1") == "::1"
    assert [outward.transport(proto) for proto in (6, 17, 1, 58, 200)] == [
        *("tcp", "udp", "icmp", "ipv6-icmp", "200")
    ]


def test_texts_are_scrubbed_and_cut() -> None:
    sighting = outward.finding(
        found(entity=f"{NIK}.example", texts=(f"GET /{NIK} \x1b[2J",) * 20, process=f"p{NIK}")
    )
    record = sighting.record
    assert isinstance(record, NetworkFinding)
    assert NIK not in repr(record)
    assert "\x1b" not in repr(record)
    assert len(record.texts) == 8


def test_names_of_numbers_from_the_wire_do_not_pass() -> None:
    record = outward.finding(found(numbers={"bytes_per_hour": 3, NIK: 1, "a b": 2})).record
    assert isinstance(record, NetworkFinding)
    assert record.numbers == {"bytes_per_hour": 3.0}


def test_a_finding_is_mirrored() -> None:
    one = conn(proto=UDP, client_port=777)
    sighting = outward.finding(
        found(
            source=one.client,
            destination=one.server,
            port=53,
            direction=Direction.OUTBOUND,
            count=4,
            score=0.5,
            conn=one,
        )
    )
    record = sighting.record
    assert isinstance(record, NetworkFinding)
    assert (record.source, record.destination, record.port) == ("203.0.113.9", "10.0.0.7", 53)
    assert (record.transport, record.source_port, record.direction) == ("udp", 777, "outbound")
    assert (record.begin, record.end, record.count, record.score) == (START, START + 9, 4, 0.5)
    assert sighting.severity == Severity.HIGH
