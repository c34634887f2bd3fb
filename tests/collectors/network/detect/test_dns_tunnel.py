"""What must not happen: block lists, virus scanners, repeated or ordinary names look like data."""

from __future__ import annotations

import base64
import random

import pytest

from collectors.network.detect.dns_tunnel import DnsTunnel
from collectors.network.detect.settings import DetectSettings, DnsSettings
from collectors.network.model import Dns
from tests.collectors.network.detect.records import SECOND, one, question, shown


def detector(**changes: object) -> DnsTunnel:
    made = one("dns_tunnel", DetectSettings(dns=DnsSettings(**changes)))  # type: ignore[arg-type]
    assert isinstance(made, DnsTunnel)
    return made


def code(dice: random.Random, size: int) -> str:
    return base64.b32encode(dice.randbytes(size)).decode().rstrip("=").lower()


@pytest.mark.parametrize(
    "name",
    [
        "{a}.{b}.{c}.{d}.zen.spamhaus.org",
        "{a}.{b}.{c}.{d}.in-addr.arpa",
        "{a}.{b}.{c}.{d}.dnsbl.example.net",
        "www.host{a}{b}{c}.go.id",
        "e{a}{b}{c}.a.akamaiedge.net",
    ],
)
def test_a_mail_server_that_asks_block_lists_is_quiet(name: str) -> None:
    names = [name.format(a=n % 250, b=n % 7, c=n % 11, d=n % 13) for n in range(600)]
    assert shown(detector(), [question(one, n * SECOND) for n, one in enumerate(names)]) == []


def test_names_that_repeat_carry_nothing() -> None:
    names = ["a-very-long-name-of-a-service.region-1.example.com"] * 5000
    assert shown(detector(), [question(one, n * SECOND // 5) for n, one in enumerate(names)]) == []


def test_some_text_records_are_quiet() -> None:
    asked = [
        question(f"selector{n}._domainkey.sender{n}.com", n * SECOND, type=16) for n in range(500)
    ]
    assert shown(detector(), asked) == []


def slow(rate: float) -> list[Dns]:
    """Return an hour of a tunnel that carries *rate* bytes a second."""
    dice = random.Random(7)
    size = 20
    gap = size / rate
    return [
        question(f"{code(dice, size)}.t.evil.example", int(n * gap * SECOND))
        for n in range(int(3600 / gap))
    ]


def test_a_tunnel_of_one_byte_a_second_is_found() -> None:
    found = shown(detector(), slow(1.0))[0]
    assert found.rule == "dns.tunnel"
    assert (found.entity, found.severity) == ("evil.example", "high")
    assert found.numbers["subdomain_bytes"] >= 2500
    assert len(found.texts) <= 8


def test_a_tunnel_below_an_indonesian_domain_is_found_there() -> None:
    dice = random.Random(3)
    asked = [question(f"{code(dice, 30)}.x.dinas.go.id", n * SECOND) for n in range(60)]
    assert {found.entity for found in shown(detector(), asked)} == {"dinas.go.id"}


def test_long_labels() -> None:
    dice = random.Random(3)
    asked = [question(f"{code(dice, 36)}.evil.example", n * SECOND) for n in range(10)]
    assert [found.rule for found in shown(detector(), asked)] == ["dns.long_labels"]


def test_odd_types() -> None:
    asked = [question(f"q{n}.evil.example", n * SECOND, type=10) for n in range(50)]
    assert [found.rule for found in shown(detector(), asked)] == ["dns.odd_types"]


def test_state_is_bounded() -> None:
    made = detector(names=100, domains=50)
    for n in range(2000):
        made.see(question(f"a.host{n}.com", n))
    assert made.evicted() > 0
    assert len(made._seen) <= 100
    assert len(made._domains) <= 50
