"""Values of a table and of a file meet when they are the same, and only then."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.content.columns import Column
from collectors.redact import Redactor
from signatures.edm.values import NUMBERS, SPACE, encode, fold, forms, pair_hash, pair_key
from tests.collectors.content.citizens import niks

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("nik", ""),
        ("nik", "1571010101900000"),
        ("nik", "157101010190000"),
        ("nik", "15710101019000011"),
        ("nik", "NIK: x"),
        ("phone", "12"),
        ("npwp", "1"),
    ],
)
def test_what_is_no_number(type_: str, text: str) -> None:
    assert encode(type_, text) is None


@given(niks(), st.sampled_from(["", " ", ".", "-"]))
def test_a_number_is_one_however_it_is_written(nik: str, separator: str) -> None:
    written = separator.join((nik[:6], nik[6:12], nik[12:]))
    assert encode("nik", written) == int(nik)
    assert encode("nik", f"  {nik}\t") == int(nik)


@pytest.mark.parametrize(
    ("type_", "written", "in_file"),
    [
        ("nik", "1571010101900001", "1571010101900001"),
        ("phone", "+62 812-3456-7890", "081234567890"),
        ("phone", "081234567890", "6281234567890"),
    ],
)
def test_as_the_content_child_encodes_it(type_: str, written: str, in_file: str) -> None:
    digits = np.frombuffer(in_file.encode(), np.uint8)[None, :] - np.uint8(48)
    column = Column(type_, "", Redactor(KEY, 1), separated=False)
    (value,) = column.add(digits, np.array([True])).tolist()
    assert encode(type_, written) == value


def test_every_type_has_a_space() -> None:
    assert set(SPACE) == set(NUMBERS)


@pytest.mark.parametrize(
    ("one", "other"),
    [("SITI  AMINAH", "Siti-Aminah"), ("Siti Aminah", "siti.aminah"), ("Café", "CAFE\u0301")],
)
def test_names_meet(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_names_that_differ_do_not() -> None:
    assert fold("Siti Aminah") != fold("Siti Aminahh")
    assert list(forms("ab")) == []
    assert list(forms("")) == []


def test_dates_in_both_orders() -> None:
    assert set(forms("1967-11-03")) == {"19671103", "03111967"}
    assert set(forms("3/11/1967")) >= {"19671103", "03111967"}


def test_a_pair_is_of_one_person() -> None:
    key = pair_key(KEY)
    assert pair_hash(key, 1, "siti") == pair_hash(key, 1, "siti")
    hashes = {
        pair_hash(k, n, text)
        for k in (key, pair_key(b"x" * 32))
        for n in (1, 2)
        for text in ("siti", "sit")
    }
    assert len(hashes) == 8
