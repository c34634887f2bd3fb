"""What must not happen: a value that is not listed is found, or a damaged file is trusted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.network.detect.ioc import Built, Indicator, Indicators, build
from tests.collectors.network.detect.records import packed

LINES = [
    "value,type,source,severity",
    "# a comment",
    "203.0.113.9,ip,feodo,critical",
    "2001:db8::9,ip,feodo,high",
    "198.51.100.0/24,cidr,drop,high",
    "2001:db8:5::/48,cidr,drop,medium",
    "evil.example,domain,urlhaus,high",
    "*.jahat.co.id,domain,urlhaus,",
    "bücher.example,domain,idn,low",
    "e7d705a3286e19ea42f587b344ee6865,ja3,sslbl,medium",
    "t13d1516h2_8daaf6152771_02713d6af862,ja4,own,medium",
    f"{'ab' * 32},certificate,sslbl,critical",
]


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Indicators]:
    built = build(LINES, tmp_path / "table")
    assert built == Built(10, 0, ())
    found = Indicators.load(tmp_path / "table")
    yield found
    found.close()


def test_what_is_not_listed_is_not_found(table: Indicators) -> None:
    for address in ("203.0.113.8", "198.51.101.1", "2001:db8::8", "2001:db8:6::1"):
        assert table.address(packed(address)) is None
    for name in ("example", "notevil.example", "co.id", "", ".", "evil.example.com", "a" * 300):
        assert table.domain(name) is None
    assert table.text("ja3", "0" * 32) is None
    assert table.text("ja3", "") is None
    assert table.text("ja4", "e7d705a3286e19ea42f587b344ee6865") is None
    assert table.address(b"") is None


def test_what_is_listed_is_found_with_its_source(table: Indicators) -> None:
    assert table.address(packed("203.0.113.9")) == Indicator("ip", "feodo", "critical")
    assert table.address(packed("2001:db8::9")) == Indicator("ip", "feodo", "high")
    assert table.address(packed("198.51.100.200")) == Indicator("cidr", "drop", "high")
    assert table.address(packed("2001:db8:5:1::1")) == Indicator("cidr", "drop", "medium")
    assert table.domain("evil.example") == Indicator("domain", "urlhaus", "high")
    assert table.domain("A.b.Evil.Example.") == Indicator("domain", "urlhaus", "high")
    assert table.domain("www.jahat.co.id") == Indicator("domain", "urlhaus", "medium")
    assert table.domain("xn--bcher-kva.example") == Indicator("domain", "idn", "low")
    assert table.text("ja3", "e7d705a3286e19ea42f587b344ee6865")
    assert table.text("ja4", "t13d1516h2_8daaf6152771_02713d6af862")
    assert table.text("certificate", "ab" * 32) == Indicator("certificate", "sslbl", "critical")
    assert len(table) == 10


def test_mistakes_are_collected_with_their_lines(tmp_path: Path) -> None:
    bad = [
        "1.2.3.4,ip,good,low",
        "1.2.3,ip,x,low",
        "x,url,x,low",
        "nodots,domain,x,low",
        "zz,ja3,x,low",
        "1.2.3.5,ip,x,fatal",
        "t13,ja4,x,low",
        "only",
        "a\0b.example,domain,x,low",
    ]
    built = build(bad, tmp_path / "table")
    assert (built.rows, built.refused) == (2, 7)
    assert built.mistakes[0] == (2, "no address")
    assert len(build(["x,ip,,"] * 100, tmp_path / "table").mistakes) == 20


def test_values_alone_and_headings_anywhere(tmp_path: Path) -> None:
    lines = [
        "203.0.113.9",
        "value,type,source,severity",
        "198.51.100.0/24",
        "evil.example",
        "1.2.3",
    ]
    built = build(lines, tmp_path / "table")
    assert (built.rows, [one.line for one in built.mistakes]) == (3, [5])
    found = Indicators.load(tmp_path / "table")
    assert found.address(packed("203.0.113.9")) == Indicator("ip", "", "medium")
    assert found.address(packed("198.51.100.7")) == Indicator("cidr", "", "medium")
    assert found.domain("a.evil.example") == Indicator("domain", "", "medium")
    found.close()


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "table"
    build(LINES, path)
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[:20], b"x" * 4000, whole + b"x", b"RONDAIOC1\n" + bytes(60)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="no table"):
            Indicators.load(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="empty"):
        Indicators.load(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_file_with_any_byte_changed_never_crashes(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"table{os.getpid()}"
    build(LINES, path)
    whole = bytearray(path.read_bytes())
    tail = len(whole) - 150
    for _ in range(3):
        place = data.draw(st.one_of(st.integers(0, 400), st.integers(tail, len(whole) - 1)))
        whole[place] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    try:
        table = Indicators.load(path)
    except ValueError:
        return
    table.address(packed("203.0.113.9"))
    table.domain("evil.example")
    table.close()


def test_from_a_descriptor_that_the_caller_keeps(tmp_path: Path) -> None:
    build(LINES, tmp_path / "table")
    descriptor = os.open(tmp_path / "table", os.O_RDONLY)
    table = Indicators(descriptor)
    os.close(descriptor)
    assert table.domain("evil.example")
    table.close()


def test_very_many_rows(tmp_path: Path) -> None:
    lines = (f"{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}.7,ip,s{n % 3},high" for n in range(30_000))
    assert build(lines, tmp_path / "table").rows == 30_000

    table = Indicators.load(tmp_path / "table")
    for n in range(0, 30_000, 7):
        address = bytes((n >> 16 & 255, n >> 8 & 255, n & 255, 7))
        assert table.address(address) == Indicator("ip", f"s{n % 3}", "high")
        assert table.address(address[:3] + b"\x08") is None
    table.close()
