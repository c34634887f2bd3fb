"""What must not happen: any record that the contract allows makes a detector raise or grow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.network.detect.loss import CaptureStats
from collectors.network.detect.registry import Detectors, make
from collectors.network.detect.settings import DetectSettings
from collectors.network.model import (
    Arp,
    Banner,
    Conn,
    Direction,
    Dns,
    Finding,
    Flow,
    Http,
    Icmp,
    Login,
    Seen,
    State,
    Stream,
    Tls,
)

ADDRESS = st.one_of(st.binary(min_size=4, max_size=4), st.binary(max_size=17))
TEXT = st.text(max_size=40)
NAME = st.one_of(TEXT, st.from_regex(r"\A[a-z0-9.-]{0,80}\Z"))
TIME = st.integers(0, 1 << 62)
COUNT = st.integers(0, 1 << 40)
PORT = st.integers(0, 65535)
PROTOCOL = st.sampled_from(["ssh", "ftp", "telnet", "http", "imap", "mysql", ""])

CONN = st.builds(
    Conn,
    key=st.integers(0, 50),
    proto=st.sampled_from([1, 6, 17, 58, 255]),
    client=ADDRESS,
    client_port=PORT,
    server=ADDRESS,
    server_port=PORT,
    direction=st.sampled_from(Direction),
)

KINDS: dict[str, st.SearchStrategy[Any]] = {
    "flow": st.builds(
        Flow,
        conn=CONN,
        begin=TIME,
        last=TIME,
        client_packets=COUNT,
        client_bytes=COUNT,
        server_packets=COUNT,
        server_bytes=COUNT,
        client_flags=st.integers(0, 255),
        server_flags=st.integers(0, 255),
        state=st.sampled_from(State),
        process=st.sampled_from(["", "nginx", "bash", "postgres"]),
        user=st.sampled_from(["", "www-data"]),
    ),
    "dns": st.builds(
        Dns,
        conn=CONN,
        at=TIME,
        name=NAME,
        type=PORT,
        answered=st.booleans(),
        rcode=st.integers(0, 15),
        answers=st.lists(NAME, max_size=3).map(tuple),
    ),
    "tls": st.builds(
        Tls,
        conn=CONN,
        at=TIME,
        version=TEXT,
        sni=NAME,
        ja3=TEXT,
        cipher=PORT,
        certificate_sha256=TEXT,
        not_after=st.integers(-(1 << 62), 1 << 62),
        self_signed=st.booleans(),
        key_bits=PORT,
        signature=TEXT,
    ),
    "http": st.builds(
        Http,
        conn=CONN,
        at=TIME,
        method=TEXT,
        host=NAME,
        path=TEXT,
        user_agent=TEXT,
        referrer=TEXT,
        status=st.integers(0, 999),
    ),
    "login": st.builds(
        Login,
        conn=CONN,
        at=TIME,
        protocol=PROTOCOL,
        user=TEXT,
        cleartext=st.booleans(),
        outcome=st.sampled_from(["", "success", "failure", "?"]),
    ),
    "banner": st.builds(
        Banner, conn=CONN, at=TIME, protocol=PROTOCOL, from_client=st.booleans(), text=TEXT
    ),
    "arp": st.builds(
        Arp,
        at=TIME,
        operation=st.integers(0, 9),
        sender_mac=st.binary(max_size=8),
        sender=ADDRESS,
        target=ADDRESS,
    ),
    "icmp": st.builds(
        Icmp,
        conn=CONN,
        at=TIME,
        type=st.sampled_from([0, 3, 8, 128, 129, 200]),
        code=st.integers(0, 255),
        from_client=st.booleans(),
        payload=st.binary(max_size=256),
        size=COUNT,
    ),
    "stream": st.builds(
        Stream, conn=CONN, at=TIME, client=st.binary(max_size=512), server=st.binary(max_size=512)
    ),
    "stats": st.builds(CaptureStats, at=TIME, interface=TEXT, packets=COUNT, dropped=COUNT),
}


def driver() -> Detectors:
    small = DetectSettings()
    return Detectors(make(small), small)


def check(found: list[Finding]) -> None:
    for one in found:
        assert one.severity in ("low", "medium", "high", "critical")
        assert one.technique.startswith("T")
        assert 0 <= one.score <= 1
        assert len(one.texts) <= 8
        assert all(math.isfinite(value) for value in one.numbers.values())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(*KINDS.values()), max_size=30))
def test_no_record_makes_a_detector_raise(records: list[Seen]) -> None:
    detectors = driver()
    for record in records:
        check(detectors.see(record))
    check(detectors.finish())
    assert detectors.faults() == []
    assert detectors.restore(detectors.save()) == []


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1 << 32))
def test_random_keys_stay_within_the_limits(seed: int) -> None:
    import random

    from tests.collectors.network.detect.records import SECOND, conn, failure, flow, question

    tiny = _tiny()
    detectors = Detectors(make(tiny), tiny)
    dice = random.Random(seed)
    makers: list[Callable[[int], Seen]] = [
        lambda n: failure(conn(_address(dice), port=dice.randrange(65536)), n * SECOND),
        lambda n: flow(conn(_address(dice), port=dice.randrange(65536)), n * SECOND),
        lambda n: question(f"{dice.randbytes(9).hex()}.{dice.randbytes(5).hex()}.com", n * SECOND),
    ]
    for n in range(600):
        detectors.see(dice.choice(makers)(n))
    assert detectors.faults() == []
    assert sum(detectors.evicted().values()) > 0


def _address(dice: Any) -> str:
    return ".".join(str(dice.randrange(1, 223)) for _ in range(4))


def _tiny() -> DetectSettings:
    from collectors.network.detect.settings import load

    return load(
        {
            "scan": {"sources": 16},
            "brute": {"sources": 16},
            "beacon": {"pairs": 16},
            "dns": {"names": 16, "domains": 16},
            "exfil": {"peers": 16},
            "listener": {"listeners": 16},
            "peer": {"peers": 16},
        }
    )
