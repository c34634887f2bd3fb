"""The same fact is told once an hour, a new one at once, and none with raw text."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.kinds import NetworkService
from collectors.network.facts import Facts
from collectors.network.model import HOUR, MINUTE, UDP, Banner, Direction, Dns, Http, Login, Tls
from tests.collectors.network.flows import START, conn

OUT = Direction.OUTBOUND
NIK = "3171234501900001"


def tls(sni: str = "api.example.go.id", at: int = START, **more: Any) -> Tls:
    one = conn(client="10.0.0.7", server="203.0.113.9", direction=OUT)
    return Tls(**{"conn": one, "at": at, "version": "1.3", "sni": sni, "ja4": "t13d", **more})


def dns(name: str, at: int = START, **more: Any) -> Dns:
    one = conn(client="10.0.0.7", server="10.0.0.53", port=53, proto=UDP, direction=OUT)
    return Dns(**{"conn": one, "at": at, "name": name, "type": 1, "answered": True, **more})


def http(**more: Any) -> Http:
    return Http(**{"conn": conn(port=80), "at": START, "method": "GET", "host": "a.id", **more})


def told(facts: Facts, now: int, *, last: bool = False) -> list[NetworkService]:
    return [
        one.record for one in facts.flush(now, last=last) if isinstance(one.record, NetworkService)
    ]


def test_a_fact_is_told_within_the_minute_and_then_once_an_hour() -> None:
    facts = Facts()
    facts.see(tls(), "curl")
    (first,) = told(facts, START)
    assert (first.protocol, first.domain, first.count) == ("tls", "api.example.go.id", 1)
    assert first.process == "curl"
    for minute in range(1, 59):
        at = START + minute * MINUTE
        facts.see(tls(at=at))
        assert told(facts, at) == []
    facts.see(tls(at=START + HOUR))
    (again,) = told(facts, START + HOUR)
    assert again.count == 59
    assert again.begin == START + MINUTE
    assert told(facts, START + 2 * HOUR) == []


def test_another_certificate_is_another_fact() -> None:
    facts = Facts()
    facts.see(tls(certificate_sha256="aa"))
    facts.see(tls(certificate_sha256="bb"))
    assert [one.certificate for one in told(facts, START)] == ["aa", "bb"]


def test_visitors_are_not_told_one_by_one() -> None:
    facts = Facts()
    for number in range(50):
        one = conn(client=f"198.51.100.{number}")
        facts.see(tls(conn=one, ja4=f"t{number}"))
    (line,) = told(facts, START)
    assert (line.source, line.destination, line.count) == (None, "10.0.0.7", 50)


def test_many_names_of_one_domain_become_the_domain() -> None:
    facts = Facts()
    for number in range(100):
        facts.see(dns(f"x{number}.tunnel.example"))
    names = [str(one.question) for one in told(facts, START)]
    assert names == [f"x{n}.tunnel.example" for n in range(4)] + ["tunnel.example"]


def test_names_are_reduced_where_policy_wants_it() -> None:
    facts = Facts(domains_only=True)
    facts.see(dns("secret.example.org"))
    facts.see(tls("secret.example.org"))
    lines = told(facts, START)
    assert [one.question or one.domain for one in lines] == ["example.org", "example.org"]


def test_answers_and_codes_of_dns() -> None:
    facts = Facts()
    facts.see(dns("a.org", answers=("192.0.2.1", "alias.example.org", "2001:db8::1")))
    facts.see(dns("b.org", rcode=3))
    facts.see(dns("c.org", answered=False))
    first, second, third = told(facts, START)
    assert first.resolved == ("192.0.2.1", "2001:db8::1")
    assert (first.question_type, first.response_code) == ("A", "NOERROR")
    assert second.response_code == "NXDOMAIN"
    assert third.response_code is None


def test_http_is_counted_by_status() -> None:
    facts = Facts()
    for status in (200, 204, 404, 0):
        facts.see(http(status=status, response_bytes=10))
    (line,) = told(facts, START)
    assert line.statuses == {"2xx": 2, "4xx": 1, "none": 1}
    assert (line.answered, line.methods) == (40, ("GET",))


def test_logins_tell_outcomes_and_no_secret() -> None:
    facts = Facts()
    one = conn(port=21)
    facts.see(
        Login(
            conn=one,
            at=START,
            protocol="ftp",
            user="budi",
            secret=b"rahasia!",
            cleartext=True,
            outcome="failure",
        )
    )
    (line,) = told(facts, START)
    assert (line.logins, line.cleartext) == ({"failure": 1}, True)
    assert "rahasia" not in repr(line)
    assert "budi" not in repr(line)


def test_banners_of_servers() -> None:
    facts = Facts()
    for from_client, text in ((True, "SSH-2.0-client"), (False, "SSH-2.0-OpenSSH_9\x1b")):
        facts.see(
            Banner(conn=conn(port=22), at=START, protocol="ssh", from_client=from_client, text=text)
        )
    (line,) = told(facts, START)
    assert line.software == "SSH-2.0-OpenSSH_9\\x1b"


def test_identifiers_in_names_are_masked() -> None:
    facts = Facts()
    facts.see(dns(f"{NIK}.example.org"))
    facts.see(tls(f"{NIK}.example.org"))
    facts.see(http(host=f"{NIK}.example.org", user_agent=NIK, server=NIK))
    assert NIK not in repr(told(facts, START))


def test_facts_are_bounded_and_what_is_forgotten_is_counted() -> None:
    facts = Facts()
    for number in range(9000):
        facts.see(tls(f"n{number}.org"))
    assert facts.evicted == 9000 - 8192


@pytest.mark.parametrize("before", range(228, 257))
def test_no_half_of_a_number_that_a_reader_cut(before: int) -> None:
    facts = Facts()
    text = (" " * before + NIK)[:256]
    one = conn(port=22)
    facts.see(Banner(conn=one, at=START, protocol="ssh", from_client=False, text=text))
    facts.see(tls(subject=text, issuer=text))
    for record in told(facts, START, last=True):
        assert NIK[:6] not in f"{record.software}{record.subject}{record.issuer}"


def test_no_number_in_a_method() -> None:
    facts = Facts()
    facts.see(http(method=f"A{NIK}"))
    (record,) = told(facts, START)
    assert NIK[:6] not in str(record.methods)


def test_a_thousand_names_a_second_do_not_flood_the_collector() -> None:
    facts = Facts()
    for number in range(5000):
        facts.see(dns(f"{number}.example{number}.com"))
        facts.see(http(host=f"{number}.example"))
    facts.see(tls())
    first = told(facts, START)
    assert len(first) == 401
    assert [one.domain for one in first if one.protocol == "tls"] == ["api.example.go.id"]
    assert len(told(facts, START + MINUTE)) == 400
    assert len(told(facts, START + 2 * MINUTE, last=True)) == 400


def test_a_clock_that_is_set_back_does_not_make_it_silent() -> None:
    facts = Facts()
    facts.see(tls())
    assert len(told(facts, START)) == 1
    early = START - 30 * 24 * HOUR
    facts.see(tls("b.example", at=early))
    facts.see(tls(at=early))
    assert {one.domain for one in told(facts, early)} == {"b.example", "api.example.go.id"}
