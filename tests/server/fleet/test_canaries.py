"""Canaries belong to nobody, and the agents' own finders see every form of them."""

from __future__ import annotations

import pytest

from collectors.redact import Redactor
from server.fleet.canaries import FIRST_SERIAL, KINDS, make
from signatures.identifiers.nik import validate
from signatures.identifiers.regions import is_district
from tests.collectors.content.scanning import KEY, scan

REDACTOR = Redactor(KEY, 1)


@pytest.mark.parametrize(("kind", "regency"), [("planet", "1571"), ("nik", "0000"), ("nik", "x")])
def test_what_cannot_be_made(kind: str, regency: str) -> None:
    with pytest.raises(ValueError, match=r"kind must be|no regency"):
        make(kind, KEY, regency)


def test_a_person_passes_every_check_and_is_nobody() -> None:
    seen = set()
    for _ in range(300):
        made = make("nik", KEY)
        nik = made.forms["csv"].partition(",")[0]
        assert validate(nik)
        assert is_district(nik[:6])
        assert int(nik[12:]) >= FIRST_SERIAL
        assert nik[6:10] not in {"0101", "0107", "3112", "4101", "4107", "7112"}
        assert nik not in made.shown
        assert nik not in str(made.marks)
        seen.add(nik)
    assert len(seen) == 300


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_is_found_by_the_child(kind: str) -> None:
    made = make(kind, KEY)
    types = {mark.type for mark in made.marks}
    tokens = {mark.token for mark in made.marks}
    for name, form in made.forms.items():
        if name == "csv header":
            continue
        text = form if kind != "nik" else f"nik\n{form}"
        tallies = scan(f"{text}\n".encode(), "a.env").tallies
        hit = {token for tally in tallies for token in tally.tokens}
        assert tokens & hit or kind == "nik", (name, form, types)
