"""What must not happen: the quick way to find something finds less, or more, than the plain one."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from signatures.identifiers.base import Spans, begun, every
from signatures.identifiers.birth import find_births
from signatures.identifiers.email import find_emails
from signatures.identifiers.passport import find_passports
from signatures.identifiers.plate import find_plates

PLAIN = {
    find_passports: rb"(?<![A-Za-z0-9])[A-EXSUV][A-Z]?[0-9]{6,7}(?![A-Za-z0-9])",
    find_plates: rb"(?<![A-Za-z0-9])[A-Z]{1,2}[ -]?[1-9][0-9]{0,3}[ -]?[A-Z]{1,3}(?![A-Za-z0-9])",
    find_births: (
        rb"(?<![0-9])(?:(?:19|20)[0-9]{2}([-/.])[0-9]{2}\1[0-9]{2}"
        rb"|[0-9]{2}([-/.])[0-9]{2}\2(?:19|20)[0-9]{2})(?![0-9])"
    ),
    find_emails: (
        rb"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,12}\b"
    ),
}
PIECES = [b"A", b"BH", b"Z", b"x", b" ", b"-", b"/", b".", b"\n", b"0", b"12", b"1234", b"123456"]
PIECES += [b"19", b"20", b"1990", b"1990-12-31", b"31/12/1990", b"@", b"a@b.id", b"BH 1234 XY"]


@pytest.mark.parametrize("find", PLAIN, ids=["passport", "plate", "birth", "email"])
@settings(max_examples=400)
@example([b"BH", b" ", b"1", b" ", b"A", b" ", b"12", b" ", b"Z"])
@example([b"x", b"A", b"123456", b" ", b"A", b"123456"])
@example([b"1990-12-31", b"-", b"12", b"-", b"1990"])
@given(st.lists(st.sampled_from(PIECES), max_size=20))
def test_it_finds_what_a_plain_search_finds(
    find: Callable[[bytes], Spans], pieces: list[bytes]
) -> None:
    data = b"".join(pieces)
    plain = [match.span() for match in re.finditer(PLAIN[find], data)]
    if find is find_emails:  # which goes back from "@", over what another address has taken
        assert {end for _, end in plain} <= {end for _, end in find(data)}
        return
    assert list(find(data)) == plain


@pytest.mark.parametrize("at", [0, 65530, 65535, 65536, 65541, 131072, 200000])
@pytest.mark.parametrize(
    ("find", "value"),
    [(find_passports, b"AB123456"), (find_plates, b"BH 1234 XY"), (find_births, b"1990-12-31")],
)
def test_windows_cut_nothing(find: Callable[[bytes], Spans], value: bytes, at: int) -> None:
    data = b"." * at + value + b"." * 70000
    assert list(find(data)) == [(at, at + len(value))]


def test_an_outline_at_every_byte_costs_no_memory_for_the_block() -> None:
    assert sum(1 for _ in find_plates(b"A1" * (1 << 19))) == 0


_AWS = re.compile(rb"(?<![A-Za-z])(?:AKIA|ASIA)[A-Z]{2,6}")
_KEY = re.compile(rb"(?i:secret_key|key)(?:=([a-z]{2,4}))?")


@settings(max_examples=400)
@given(
    st.lists(
        st.sampled_from(
            [b"AKIA", b"ASIA", b"X", b"xy", b" ", b"=", b"secret_", b"KEY", b"key", b"Secret_Key="]
        ),
        max_size=16,
    ).map(b"".join)
)
@example(b"AKIAAKIAX secret_key=key=xyz")
def test_what_begins_with_a_word_is_found_as_by_a_plain_search(data: bytes) -> None:
    ids = begun(_AWS, (b"AKIA", b"ASIA"))
    keys = begun(_KEY, (b"secret_key", b"key"), fold=True)
    assert list(ids(data)) == list(every(_AWS)(data))
    assert list(keys(data)) == list(every(_KEY)(data))
