"""The same content is not counted twice; what many pages hold adds up."""

from __future__ import annotations

import pytest

from collectors.content.piece import Heard
from collectors.content.result import CanarySeen, RegisterSeen
from collectors.network.gathered import MOST_TOKENS, Gathered, kept, way
from tests.collectors.network.hearing import HERE, OUTSIDE, heard, login, tally


def gathered(*pieces: Heard) -> Gathered:
    found = Gathered(pieces[0], way(pieces[0]))
    for one in pieces:
        found.add(one, kept(one), way(one))
    return found


@pytest.mark.parametrize(
    "one",
    [
        heard(),
        heard(tally("phone", 40), tally("email", 30)),
        heard(tally("nik", 40, confidence=0.6)),
        heard(tally("jwt")),
    ],
)
def test_what_is_not_told(one: Heard) -> None:
    assert kept(one) == ()


def test_what_convinces_nobody_but_is_a_canary_or_registered() -> None:
    canary = CanarySeen(id="c1", type="nik", count=2)
    (told,) = kept(heard(tally("phone", confidence=0.1), canaries=(canary,)))
    assert (told.type, told.count) == ("nik", 2)
    person = RegisterSeen(register=0, type="nik", count=3, distinct=2, sure=True)
    (told,) = kept(heard(people=(person,)))
    assert (told.type, told.count, told.distinct) == ("nik", 3, 2)
    unsure = RegisterSeen(register=0, type="nik", count=3, distinct=2)
    assert kept(heard(people=(unsure,))) == ()


def test_what_is_told_of_one_piece_is_of_the_fullest() -> None:
    own, dump = heard(tally(), path="/own"), heard(tally("nik", 300, 5), path="/dump")
    record = gathered(own, dump, own).record(())
    assert (record.path, record.what) == ("/dump", "GET opd.example/dump (200)")


def test_the_same_page_again_counts_once() -> None:
    found = gathered(heard(tally("nik", 300)), heard(tally("nik", 300), at=9))
    record = found.record(())
    assert (record.count, record.tallies[0].distinct, record.pieces) == (300, 300, 2)
    assert (record.begin, record.end) == (10**9, 9 * 10**9)


def test_page_after_page_adds_up() -> None:
    pages = [heard(tally("nik", 1, n), at=n + 1) for n in range(150)]
    record = gathered(*pages).record(())
    assert (record.count, record.tallies[0].distinct, record.pieces) == (150, 150, 150)
    assert {"many_pages", "bulk"} <= set(record.reasons)
    assert (len(record.tallies[0].tokens), len(record.tallies[0].samples)) == (64, 3)


def test_memory_has_an_end() -> None:
    found = gathered(*[heard(tally("nik", 60, 60 * n)) for n in range(100)])
    assert found.record(()).count == 6000
    assert 0 < found.size <= MOST_TOKENS
    assert len(found.record(()).tallies[0].tokens) == 64
    many = gathered(*[heard(tally(f"custom.t{n}")) for n in range(99)])
    assert len(many.record(()).types) == 24


def test_what_the_head_makes_for_the_whole() -> None:
    one = heard(
        tally("nik", 1572, exact=False, about=40_000),
        complete=False,
        size=1_700_000,
        scanned=65_536,
    )
    found = gathered(one)
    record = found.record(())
    assert (record.count, record.about, record.size, record.scanned) == (
        1572,
        40_000,
        1_700_000,
        65_536,
    )
    assert "head_only" in record.reasons
    assert (found.weight().people, found.weight().seen) == (40_000, 1572)


def test_to_whom_it_goes() -> None:
    assert way(heard())[:3] == ("leaving", OUTSIDE, True)
    assert way(heard(from_client=True))[:3] == ("arriving", OUTSIDE, True)
    upload = heard(from_client=True, client=HERE, server=OUTSIDE, direction="outbound")
    assert way(upload)[:3] == ("leaving", OUTSIDE, True)
    download = heard(client=HERE, server=OUTSIDE, direction="outbound")
    assert way(download)[:3] == ("arriving", OUTSIDE, True)


def test_behind_a_proxy_it_is_the_one_for_whom_it_asks() -> None:
    local = heard(client="127.0.0.1", server="127.0.0.1", direction="internal", forwarded=OUTSIDE)
    assert way(local) == ("leaving", OUTSIDE, True, True)
    record = gathered(local).record(())
    assert (record.peer, record.reasons) == (OUTSIDE, ("proxied",))
    request = heard(client="127.0.0.1", direction="internal", forwarded=OUTSIDE, from_client=True)
    assert way(request).way == "inside"
    # Whoever is outside may claim anything: it stays who it is.
    assert way(heard(forwarded="198.51.100.1")).peer == OUTSIDE
    assert way(heard(client="10.0.0.9", forwarded="192.168.1.1")).peer == "10.0.0.9"


def test_registers_are_named() -> None:
    person = RegisterSeen(register=1, type="nik", count=3, distinct=3, confirmed=2, sure=True)
    gone = RegisterSeen(register=7, type="nik", count=3, distinct=3, sure=True)
    one = heard(tally("nik", 3), people=(person, gone))
    record = gathered(one).record(("pns", "dukcapil"))
    assert (record.registered, record.confirmed, record.registers) == (3, 2, ("dukcapil",))


def test_a_login() -> None:
    record = gathered(login(), login(outcome="success")).record(())
    assert (record.account, record.outcome, record.reasons) == ("budi", "success", ("login",))
    assert (record.count, record.pieces, record.domain) == (1, 2, None)
