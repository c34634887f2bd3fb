"""Identifiers that need a name: valid ones of every form are accepted, one wrong field is not."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures.identifiers import BY_NAME, NAMED, find
from signatures.identifiers.birth import find_births
from signatures.identifiers.email import find_emails
from signatures.identifiers.nisn import BORN
from signatures.identifiers.passport import find_passports
from signatures.identifiers.phone import PREFIXES
from signatures.identifiers.plate import REGIONS, find_plates


def digits(least: int, most: int | None = None) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most or least)


def varied(least: int, most: int | None = None) -> st.SearchStrategy[str]:
    return digits(least, most).filter(lambda text: len(set(text)) > 2)


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


def two(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map("{:02d}".format)


VALID = {
    "bpjs": joined(st.just("00"), varied(11)),
    "nisn": joined(st.sampled_from(BORN), varied(7)),
    "kpj": varied(11),
    "sim": joined(digits(2), two(1, 12), varied(8, 10)),
    "nib": varied(13),
    "nop": joined(
        st.sampled_from(["11", "15", "31", "35"]),
        digits(2),
        *(st.integers(1, 999).map("{:03d}".format) for _ in range(2)),
        digits(3),
        st.integers(1, 9999).map("{:04d}".format),
        digits(1),
    ),
    "phone": joined(st.just("62"), st.sampled_from(sorted(PREFIXES)), varied(6, 9)),
    "bank_account": varied(10, 16),
    "passport": st.from_regex(r"[A-E][0-9]{7}", fullmatch=True).filter(
        lambda text: len(set(text[1:])) > 1 and text[1:] != "1234567" and text.isascii()
    ),
    "plate": joined(
        st.sampled_from(sorted(REGIONS)),
        st.integers(1, 9999).map(str),
        st.text("ABCXYZ", min_size=1, max_size=3),
    ),
    "birth": st.dates(dt.date(1900, 1, 1), dt.date(2030, 12, 31)).map(str),
    "email": joined(
        st.text("abcxyz019_", min_size=1, max_size=20), st.sampled_from(["@x.go.id", "@gmail.com"])
    ),
}
WRONG: dict[str, list[tuple[int, str]]] = {
    "bpjs": [(0, "1"), (1, "1")],
    "nisn": [(0, "5"), (0, "026"), (0, "984")],
    "sim": [(2, "00"), (2, "13"), (2, "99")],
    "nop": [(0, "00"), (0, "99"), (4, "000"), (7, "000"), (13, "0000")],
    "phone": [(0, "61"), (2, "7"), (2, "840"), (2, "800"), (2, "891")],
    "passport": [(0, "1"), (0, "F"), (3, "X")],
    "birth": [(0, "1899"), (0, "2031"), (5, "00"), (5, "13"), (8, "00"), (8, "32")],
}


def test_all_are_here() -> None:
    assert VALID.keys() == {kind.name for kind in NAMED}


@pytest.mark.parametrize("name", VALID)
@given(data=st.data())
def test_valid_ones_are_accepted_and_normal(name: str, data: st.DataObject) -> None:
    kind = BY_NAME[name]
    value = data.draw(VALID[name])
    assert kind.normalise(value) == value
    assert kind.validate(value)
    if kind.shapes and name != "phone":
        assert any(re.fullmatch(shape, value) for shape in kind.shapes) or name == "nop"


@pytest.mark.parametrize("name", WRONG)
@given(data=st.data())
def test_one_wrong_field_is_refused(name: str, data: st.DataObject) -> None:
    value = data.draw(VALID[name])
    place, field = data.draw(st.sampled_from(WRONG[name]))
    assert not BY_NAME[name].validate(value[:place] + field + value[place + len(field) :])


@pytest.mark.parametrize("name", [name for name in VALID if BY_NAME[name].shapes])
@given(data=st.data())
def test_a_wrong_length_is_refused(name: str, data: st.DataObject) -> None:
    value = data.draw(VALID[name])
    assert not BY_NAME[name].validate(value[:8])
    assert not BY_NAME[name].validate(value + "1" * 9)


@pytest.mark.parametrize("name", ["bpjs", "nisn", "kpj", "nib", "sim", "bank_account"])
def test_placeholders_are_refused(name: str) -> None:
    for length in range(10, 17):
        assert not BY_NAME[name].validate("0" * length)


@given(
    st.sampled_from(sorted(PREFIXES)), varied(8), st.sampled_from(["0", "62", "+62", "+62 ", "0 "])
)
def test_a_telephone_has_one_form(prefix: str, rest: str, front: str) -> None:
    written = f"{front}{prefix}-{rest[:4]}-{rest[4:]}"
    assert BY_NAME["phone"].normalise(written) == f"62{prefix}{rest}"
    assert BY_NAME["phone"].validate(f"62{prefix}{rest}")


@given(st.data(), st.sampled_from(sorted(VALID)))
def test_the_wall_leaves_them_alone_without_a_name(data: st.DataObject, name: str) -> None:
    """Unless chance makes another identifier of one."""
    value = data.draw(VALID[name])
    assert name not in {hit.type for hit in find(f"x {value} y".encode())}


FINDERS = {
    "passport": find_passports,
    "plate": find_plates,
    "birth": find_births,
    "email": find_emails,
}


@pytest.mark.parametrize("name", FINDERS)
@given(data=st.data())
def test_texts_are_found_apart_and_not_inside_words(name: str, data: st.DataObject) -> None:
    value = data.draw(VALID[name])
    for before, after in (("", ""), ('"', '"'), (";", "\n"), ("(", ")")):
        text = f"{before}{value}{after}".encode()
        spans = list(FINDERS[name](text))
        assert (len(before), len(before) + len(value)) in spans
    if name != "email":
        glued = f"1a{value}b1".encode() if name != "birth" else f"1{value}1".encode()
        assert list(FINDERS[name](glued)) == []


SLOWLY = {
    "passport": rb"(?<![A-Za-z0-9])[A-EXSUV][A-Z]?[0-9]{6,7}(?![A-Za-z0-9])",
    "plate": rb"(?<![A-Za-z0-9])[A-Z]{1,2}[ -]?[1-9][0-9]{0,3}[ -]?[A-Z]{1,3}(?![A-Za-z0-9])",
    "birth": rb"(?<![0-9])(?:(?:19|20)[0-9]{2}([-/.])[0-9]{2}\1[0-9]{2}"
    rb"|[0-9]{2}([-/.])[0-9]{2}\2(?:19|20)[0-9]{2})(?![0-9])",
}


@pytest.mark.parametrize("name", SLOWLY)
@given(text=st.text("19 20AB-/a.", max_size=80) | st.text("A1 -", max_size=60))
def test_the_quick_way_finds_what_a_lookbehind_finds(name: str, text: str) -> None:
    data = text.encode()
    expected = [match.span() for match in re.finditer(SLOWLY[name], data)]
    assert list(FINDERS[name](data)) == expected
