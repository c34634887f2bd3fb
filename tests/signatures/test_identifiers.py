"""Each identifier: what must not be seen, what must, and one-field mutations of valid ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures.identifiers import BY_NAME, IDENTIFIERS, find
from signatures.identifiers.keys import announces, fold
from signatures.identifiers.regions import districts, is_district, is_regency
from tests.collectors.content.citizens import cards, niks, nips, npwps

PEM_BODY = "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF0qJDr+3sZ4cN1oVh6mXbPq7lKjT"

VALID = {"nik": niks(), "nip": nips(), "npwp": npwps(), "card": cards()}


def types(data: bytes) -> list[str]:
    return [hit.type for hit in find(data)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"/usr/lib/x86_64-linux-gnu/libc.so.6",
        b"1234567890123456",
        b"0000000000000000",
        b"1111111111111111",
        b"15710145129000011",
        b"91571014512900001",
        b"1571014512900000",
        b"9971014512900001",
        b"1571013113900001",
        b"1571012902910001",
        b"4111111111111111",
        b"4242 4242 4242 4242",
        b"20261124103000123",
        b"2026-11-24 10:30:00.123456 192.168.100.200",
        b"https://example.go.id:8443/a@b",
        b"https://user:password@host/",
        b"redis://:${REDIS_PASSWORD}@cache/0",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        b"-----BEGIN PUBLIC KEY-----\n" + PEM_BODY.encode() * 2,
    ],
)
def test_nothing_is_seen(data: bytes) -> None:
    assert find(data) == []


@pytest.mark.parametrize(
    ("data", "kind", "value"),
    [
        (b"/srv/ktp_1571014512900001.jpg", "nik", "1571014512900001"),
        (b"x1571014512900001y", "nik", "1571014512900001"),
        (b"157101-451290-0001", "nik", "1571014512900001"),
        (b"1571.0145.1290.0001", "nik", "1571014512900001"),
        (b"15 71 01 451290 0001", "nik", "1571014512900001"),
        (b"2024 1571 0145 1290 0001", "nik", "1571014512900001"),
        (b"9101014512900001", "nik", "9101014512900001"),
        (b"1571012902960001", "nik", "1571012902960001"),
        (b"19850312 201001 1 001", "nip", "198503122010011001"),
        (b"4539 1488 0343 6467", "card", "4539148803436467"),
        (
            b"a mysql://simpeg:R4h@sia@10.0.0.1:3306/db b",
            "dsn",
            "mysql://simpeg:R4h@sia@10.0.0.1:3306/db",
        ),
        (b"redis://:r4hasia@cache/0", "dsn", "redis://:r4hasia@cache/0"),
    ],
)
def test_written_forms(data: bytes, kind: str, value: str) -> None:
    (hit,) = find(data)
    assert (hit.type, hit.value) == (kind, value)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\\n"])
def test_private_keys(line_end: str) -> None:
    lines = [PEM_BODY, PEM_BODY[::-1], "abc="]
    text = line_end.join(["-----BEGIN EC PRIVATE KEY-----", *lines, "-----END EC PRIVATE KEY-----"])
    (hit,) = find(b"x" + text.encode() + b"y")
    assert (hit.type, hit.value) == ("private_key", "".join(lines))
    assert (hit.start, hit.end) == (1, 1 + len(text))


@given(st.data(), st.sampled_from(sorted(VALID)))
def test_valid_ones_are_accepted_and_found(data: st.DataObject, name: str) -> None:
    value = data.draw(VALID[name])
    identifier = BY_NAME[name]
    assert identifier.validate(value)
    assert identifier.normalise(value) == value
    hits = find(f"a_{value}b".encode())
    assert [hit.value for hit in hits] == [value]


@given(
    niks(),
    st.sampled_from([(0, "99"), (2, "00"), (6, "00"), (6, "32"), (6, "72"), (8, "00"), (8, "13")]),
)
def test_one_wrong_field_of_a_nik(value: str, change: tuple[int, str]) -> None:
    place, field = change
    wrong = value[:place] + field + value[place + 2 :]
    assert not BY_NAME["nik"].validate(wrong)
    assert not BY_NAME["nik"].validate(value[:12] + "0000")


@given(
    nips(),
    st.sampled_from(
        [
            (0, "1900"),
            (4, "13"),
            (4, "00"),
            (6, "32"),
            (8, "1950"),
            (12, "13"),
            (14, "3"),
            (15, "000"),
        ]
    ),
)
def test_one_wrong_field_of_a_nip(value: str, change: tuple[int, str]) -> None:
    place, field = change
    assert not BY_NAME["nip"].validate(value[:place] + field + value[place + len(field) :])


@given(st.data(), st.sampled_from(["card", "npwp"]))
def test_one_wrong_digit_breaks_luhn(data: st.DataObject, name: str) -> None:
    value = data.draw(VALID[name])
    place = data.draw(st.integers(0, 8 if name == "npwp" else 15))
    digit = data.draw(st.sampled_from("0123456789"))
    wrong = value[:place] + digit + value[place + 1 :]
    assert BY_NAME[name].validate(wrong) == (wrong == value)


@given(st.binary(max_size=400))
def test_spans_are_ordered_and_hold_the_value(data: bytes) -> None:
    position = 0
    for hit in find(data):
        assert position <= hit.start < hit.end <= len(data)
        position = hit.end


@given(st.lists(niks(), min_size=1, max_size=5), st.sampled_from([" ", ",", "/", "_", "\n"]))
def test_neighbours_are_all_found(values: list[str], separator: str) -> None:
    assert [hit.value for hit in find(separator.join(values).encode())] == values


def test_regions() -> None:
    assert len([code for code, known in districts().items() if known]) == 514
    assert sum(len(known) // 2 for known in districts().values()) == 7277
    assert is_regency("1571")
    assert not is_regency("1599")
    assert is_district("157101")
    assert not is_district("157199")


def test_every_identifier_says_where_it_comes_from() -> None:
    assert len({identifier.name for identifier in IDENTIFIERS}) == len(IDENTIFIERS) == 34
    for identifier in IDENTIFIERS:
        assert identifier.source
        assert identifier.keys
        assert 0 <= identifier.chance < 1


@pytest.mark.parametrize(
    ("written", "folded"),
    [("No. KK", "no_kk"), ("noKk", "no_kk"), ("NIK", "nik"), (' "nik_ayah" ', "nik_ayah")],
)
def test_names_are_folded(written: str, folded: str) -> None:
    assert fold(written) == folded


def test_names_are_whole_words() -> None:
    nik = BY_NAME["nik"].keys
    assert announces("nik_ibu", nik)
    assert not announces("teknik", nik)
    assert not announces("unik", nik)
