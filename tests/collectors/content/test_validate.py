"""The vectorised validators give the answers of signatures.identifiers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collectors.content import validate
from collectors.content.digits import Bytes
from signatures.identifiers import card, kk, nik, nip, npwp
from tests.collectors.content.citizens import cards, kks, niks, nips, npwps


def rows(values: list[str]) -> Bytes:
    return np.array([[int(char) for char in value] for value in values], np.uint8)


def digits(length: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=length, max_size=length)


dates = st.tuples(st.integers(0, 99), st.integers(0, 13), st.integers(0, 99)).map(
    lambda parts: "157101{:02d}{:02d}{:02d}0001".format(*parts)
)


@given(st.lists(niks() | kks() | dates | digits(16), min_size=1, max_size=50))
def test_sixteen(values: list[str]) -> None:
    table = rows(values)
    assert validate.nik(table).tolist() == [nik.validate(value) for value in values]
    assert validate.kk(table).tolist() == [kk.validate(value) for value in values]


@given(st.lists(cards() | digits(16) | st.sampled_from(sorted(card.SAMPLES)), min_size=1))
def test_cards(values: list[str]) -> None:
    values = [value for value in values if len(value) == 16] or ["4539148803436467"]
    assert validate.card_16(rows(values)).tolist() == [card.validate(value) for value in values]


@given(st.lists(npwps() | digits(15), min_size=1))
def test_fifteen(values: list[str]) -> None:
    table = rows(values)
    assert validate.npwp(table).tolist() == [npwp.validate(value) for value in values]
    assert validate.card_15(table).tolist() == [card.validate(value) for value in values]


@given(st.lists(nips() | digits(18), min_size=1))
def test_eighteen(values: list[str]) -> None:
    assert validate.nip(rows(values)).tolist() == [nip.validate(value) for value in values]
