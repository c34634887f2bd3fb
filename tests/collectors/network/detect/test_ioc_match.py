"""What must not happen: private addresses are looked up, or noise from outside is an alarm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.network.detect.ioc import Indicators, build
from collectors.network.detect.ioc_match import IocMatch
from collectors.network.detect.places import Places
from collectors.network.model import Finding, Seen, Tls
from tests.collectors.network.detect.records import (
    START,
    conn,
    failure,
    flow,
    outward,
    question,
    request,
)


@pytest.fixture
def detector(tmp_path: Path) -> Iterator[IocMatch]:
    lines = [
        "198.51.100.7,ip,feodo,critical",
        "203.0.113.0/24,cidr,drop,high",
        "10.0.0.0/8,cidr,mistake,high",
        "evil.example,domain,urlhaus,high",
        f"{'ab' * 32},certificate,sslbl,high",
        f"{'cd' * 16},ja3,sslbl,medium",
    ]
    build(lines, tmp_path / "table")
    table = Indicators.load(tmp_path / "table")
    yield IocMatch(table, Places())
    table.close()


def told(detector: IocMatch, record: Seen) -> list[tuple[str, str]]:
    return [(one.rule, one.severity) for one in detector.see(record)]


def test_without_a_list_nothing_is_found() -> None:
    assert told(IocMatch(None, Places()), flow(outward())) == []


def test_what_is_not_listed_and_what_is_private_is_quiet(detector: IocMatch) -> None:
    for record in (
        flow(outward("192.0.2.1")),
        flow(outward("10.1.1.9")),
        question("good.example", answers=("192.0.2.1", "cname.good.example")),
        Tls(conn=outward("192.0.2.1"), at=START, sni="good.example", ja3="0" * 32),
        request("/", host=""),
        request("/", host="kota.go.id"),
    ):
        assert told(detector, record) == []


def test_whom_we_call_keeps_the_severity(detector: IocMatch) -> None:
    for _ in range(2):
        assert told(detector, flow(outward())) == [("ioc.ip", "critical")]
    assert told(detector, failure(outward())) == [("ioc.ip", "low")]


def test_who_calls_us_is_low(detector: IocMatch) -> None:
    assert told(detector, flow(conn())) == [("ioc.cidr", "low")]


def test_names_and_fingerprints(detector: IocMatch) -> None:
    (found,) = detector.see(question("c2.evil.example"))
    assert isinstance(found, Finding)
    assert (found.rule, found.severity, found.texts[1]) == ("ioc.domain", "high", "urlhaus")
    assert told(detector, question("x.example", answers=("198.51.100.7",))) == [("ioc.ip", "low")]
    assert told(detector, question("y.example", answers=("a.evil.example",))) == [
        ("ioc.domain", "low")
    ]
    shake = Tls(
        conn=outward("192.0.2.1"),
        at=START,
        sni="www.evil.example",
        ja3="cd" * 16,
        certificate_sha256="ab" * 32,
    )
    assert told(detector, shake) == [
        ("ioc.domain", "high"),
        ("ioc.ja3", "medium"),
        ("ioc.certificate", "high"),
    ]
    assert told(detector, Tls(conn=conn(), at=START, ja3="cd" * 16)) == [("ioc.ja3", "low")]
    assert told(detector, request("/", host="evil.example:80")) == [("ioc.domain", "high")]
