"""What must not happen: ping, of any system and size, looks like a tunnel."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import pytest

from collectors.network.detect.icmp_tunnel import IcmpTunnel, disorder
from collectors.network.detect.settings import DetectSettings, IcmpSettings
from collectors.network.model import ICMP, Icmp
from tests.collectors.network.detect.records import (
    SECOND,
    START,
    conn,
    one,
    outward,
    shown,
)

WINDOWS = b"abcdefghijklmnopqrstuvwabcdefghi"


def detector(**changes: object) -> IcmpTunnel:
    made = one("icmp_tunnel", DetectSettings(icmp=IcmpSettings(**changes)))  # type: ignore[arg-type]
    assert isinstance(made, IcmpTunnel)
    return made


def echo(payload: bytes, at: int, kind: int = 8, which: object = None) -> Icmp:
    return Icmp(
        conn=which or outward(port=0, proto=ICMP, key=1),  # type: ignore[arg-type]
        at=START + at,
        type=kind,
        code=0,
        from_client=kind == 8,
        payload=payload[:256],
        size=len(payload),
    )


def linux(n: int) -> bytes:
    return struct.pack("<QQ", 1_764_000_000 + n, n * 977 % 1_000_000) + bytes(range(16, 56))


@pytest.mark.parametrize("system", ["linux", "windows", "zeros", "sizes"])
def test_ping_is_quiet(system: str) -> None:
    records: list[Icmp] = []
    for n in range(3000):
        payload = {
            "linux": linux(n),
            "windows": WINDOWS,
            "zeros": bytes(1400),
            "sizes": bytes(range(16)) + bytes(i & 0xFF for i in range(n)),
        }[system]
        records += [echo(payload, n * SECOND // 5), echo(payload, n * SECOND // 5 + 1, 0)]
    assert shown(detector(), records) == []


def test_errors_that_quote_packets_are_quiet() -> None:
    dice = random.Random(1)
    errors = [echo(dice.randbytes(60), n * SECOND, 3) for n in range(500)]
    assert shown(detector(), errors) == []


def tunnel() -> Iterator[Icmp]:
    dice = random.Random(1)
    for n in range(60):
        yield echo(dice.randbytes(200), n * SECOND)
        yield echo(dice.randbytes(90), n * SECOND + 1, 0)


def test_a_tunnel() -> None:
    found = shown(detector(), tunnel())
    assert found[0].rule == "icmp.tunnel"
    assert found[0].severity == "high"
    assert found[0].numbers["replies_that_differ"] == 10


def test_ever_new_payloads_without_replies() -> None:
    dice = random.Random(1)
    found = shown(detector(), [echo(dice.randbytes(200), n * SECOND) for n in range(25)])
    assert found[0].numbers["different_payloads"] == 20
    assert found[0].score > 0.75


def test_disorder() -> None:
    assert disorder(b"") == 0
    assert disorder(bytes(range(100))) == 0
    assert disorder(random.Random(1).randbytes(200)) > 0.85


def test_state_is_bounded() -> None:
    made = detector(peers=20)
    for n in range(500):
        which = conn(f"203.0.{n // 250}.{n % 250}", port=0, proto=ICMP)
        made.see(echo(bytes(100), n, which=which))
    assert len(made._peers) <= 20
    assert made.evicted() > 0
