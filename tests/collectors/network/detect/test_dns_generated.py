"""What must not happen: block lists, typing mistakes or abbreviations of offices look generated."""

from __future__ import annotations

import random
import string

import pytest

from collectors.network.detect.dns_generated import DnsGenerated, entropy, looks_generated
from collectors.network.detect.settings import DetectSettings, DnsSettings
from tests.collectors.network.detect.records import MINUTE, SECOND, one, question, shown


def detector(**changes: object) -> DnsGenerated:
    made = one("dns_generated", DetectSettings(dns=DnsSettings(**changes)))  # type: ignore[arg-type]
    assert isinstance(made, DnsGenerated)
    return made


@pytest.mark.parametrize(
    "name",
    [
        "disdukcapil.bandungkab.go.id",
        "pemkotbandung.go.id",
        "dpmptsp.jabarprov.go.id",
        "www.bkpsdm.kotabogor.go.id",
        "kemendagri.go.id",
        "perpustakaannasional.go.id",
        "tokopedia.com",
        "wordpress.org",
        "googletagmanager.com",
        "stackoverflow.com",
        "1688.com",
        "xn--80ak6aa92e.com",
        "",
    ],
)
def test_names_of_people(name: str) -> None:
    assert not looks_generated(name)


@pytest.mark.parametrize(
    "name", ["xkqzjwvbnmtr.com", "a8d7f6e5c4b3a291.net", "qwhdkfjxlvbt.info", "mxlpqrstvwzk.biz"]
)
def test_names_of_programs(name: str) -> None:
    assert looks_generated(name)


def test_most_random_names_are_seen() -> None:
    dice = random.Random(1)
    names = ["".join(dice.choices(string.ascii_lowercase, k=14)) + ".com" for _ in range(500)]
    assert sum(map(looks_generated, names)) > 350


def test_block_lists_and_reverse_look_ups_are_quiet() -> None:
    asked = [
        question(f"{n % 250}.{n // 250}.2.1.{zone}", n * SECOND // 10, rcode=3)
        for n in range(2000)
        for zone in ("zen.spamhaus.org", "in-addr.arpa")
    ]
    assert shown(detector(), asked) == []


def test_search_suffixes_are_quiet() -> None:
    asked = [question(f"api{n}.example.com.kota.go.id", n * SECOND, rcode=3) for n in range(900)]
    assert shown(detector(), asked) == []


def test_some_dead_mail_domains_are_quiet() -> None:
    asked = [question(f"perusahaan{n}.co.id", n * MINUTE // 2, rcode=3) for n in range(90)]
    assert shown(detector(), asked) == []


def test_a_program_that_tries_names() -> None:
    dice = random.Random(2)
    names = ["".join(dice.choices(string.ascii_lowercase, k=14)) + ".com" for _ in range(30)]
    found = shown(detector(), [question(x, n * MINUTE, rcode=3) for n, x in enumerate(names)])
    assert [one.rule for one in found] == ["dns.generated"]
    assert found[0].technique == "T1568.002"


def test_very_many_ordinary_names_are_told_low() -> None:
    asked = [question(f"perusahaan{n}.co.id", n * SECOND, rcode=3) for n in range(100)]
    assert [one.rule for one in shown(detector(), asked)] == ["dns.nxdomain"]


def test_many_names_below_one_domain_are_told_low() -> None:
    asked = [question(f"nx{n}.parent.example", n * SECOND, rcode=3) for n in range(60)]
    found = shown(detector(), asked)
    assert [(one.rule, one.severity, one.entity) for one in found] == [
        ("dns.nxdomain", "low", "parent.example")
    ]


def test_entropy() -> None:
    assert entropy("") == 0
    assert entropy("abcd") == 2


def test_state_is_bounded() -> None:
    made = detector(domains=10, nxdomain_any=10**9, nxdomain=10**9)
    for n in range(3000):
        made.see(question(f"host{n}.com", n, rcode=3))
    (client,) = [one for _, one in made._clients.items()]
    for n in range(3000):
        made.see(question(f"a{n}.host{n}.com", n, rcode=3))
    assert max(map(len, (client.domains, client.seen, client.below))) <= 1024
    assert made.evicted() == 0
