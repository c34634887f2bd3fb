"""Grave is told at once and once; what is everyday is told as a sum."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.content.piece import Heard
from collectors.content.result import CanarySeen
from collectors.kinds import Severity
from collectors.kinds.network_content import NetworkContent
from collectors.network import ledger
from collectors.network.ledger import Ledger
from collectors.network.model import MINUTE
from tests.collectors.network.hearing import SECOND, heard, login, tally


def told(book: Ledger, *pieces: Heard) -> list[tuple[Severity, NetworkContent]]:
    return [(one.severity, one.record) for piece in pieces for one in book.add(piece)]


def test_nothing_for_nothing_and_for_a_guessed_password() -> None:
    book = Ledger()
    assert told(book, heard(), heard(tally("phone", 9)), login(outcome="failure")) == []
    assert list(book.tick(99 * MINUTE)) == list(book.end(99 * MINUTE)) == []


def test_a_download_is_told_once() -> None:
    book = Ledger()
    one = heard(tally("nik", 1204))
    ((level, record),) = told(book, one, one, one)
    assert (level, record.count, record.peer) == (Severity.CRITICAL, 1204, "203.0.113.9")
    assert list(book.tick(5 * MINUTE)) == []
    (later,) = book.tick(11 * MINUTE)
    assert (later.record.pieces, later.record.count) == (3, 1204)
    assert list(book.tick(30 * MINUTE)) == []


def test_page_after_page_rises() -> None:
    book = Ledger()
    pages = [heard(tally("nik", 1, n), at=n + 1) for n in range(120)]
    levels = [level for level, _ in told(book, *pages)]
    assert levels == [Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL]


def test_own_pages_of_many_citizens_are_one_sum_an_hour() -> None:
    book = Ledger()
    visits = [heard(tally("nik", 1, n), client=f"198.51.100.{n}", at=n + 1) for n in range(200)]
    ((level, record),) = told(book, *visits)
    assert (level, record.count, record.peers) == (Severity.LOW, 1, 1)
    assert list(book.tick(59 * MINUTE)) == []
    (summed,) = book.tick(62 * MINUTE)
    assert (summed.severity, summed.record.pieces) == (Severity.LOW, 200)
    assert (summed.record.peers, summed.record.peer) == (64, None)


def test_a_canary_tells_again() -> None:
    book = Ledger()
    first = heard(tally("nik", 5), canaries=(CanarySeen(id="c1", type="nik", count=1),))
    second = heard(tally("nik", 5), canaries=(CanarySeen(id="c2", type="nik", count=1),))
    found = told(book, first, first, second)
    assert [level for level, _ in found] == [Severity.CRITICAL] * 2
    assert [record.canaries for _, record in found] == [("c1",), ("c1", "c2")]


@pytest.mark.parametrize(
    "other", [{"client": "198.51.100.1"}, {"host": "lain.example"}, {"protocol": "ftp"}]
)
def test_another_end_or_service_is_another_matter(other: dict[str, Any]) -> None:
    assert len(told(Ledger(), heard(tally("nik", 200)), heard(tally("nik", 200), **other))) == 2


def test_accounts_apart_and_attempts_together() -> None:
    book = Ledger()
    found = told(book, login(), login(), login(account="siti"), login(outcome="success"))
    assert [(level, record.account) for level, record in found] == [
        (Severity.MEDIUM, "budi"),
        (Severity.MEDIUM, "siti"),
        (Severity.HIGH, "budi"),
    ]


def test_what_is_over_is_forgotten() -> None:
    book = Ledger()
    assert len(told(book, heard(tally("nik", 200)))) == 1
    list(book.tick(2 * 60 * MINUTE))
    assert len(told(book, heard(tally("nik", 200), at=3 * 60 * MINUTE // SECOND))) == 1


def test_room_is_bounded_and_the_loss_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_MOST", 10)
    book = Ledger()
    told(book, *[heard(tally("nik", 20), client=f"198.51.100.{n}") for n in range(25)])
    assert book.evicted == 15


def test_so_is_the_number_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_MOST_VALUES", 500)
    book = Ledger()
    told(book, *[heard(tally("nik", 60, 60 * n), client=f"198.51.100.{n}") for n in range(40)])
    assert book.evicted == 32
    assert book._values == sum(one.gathered.size for one in book._ends.values()) == 480
    list(book.tick(10**6 * MINUTE))
    list(book.tick(2 * 10**6 * MINUTE))
    assert book._values == 0


def test_at_the_end_the_rest_is_told() -> None:
    book = Ledger()
    told(
        book,
        heard(tally("nik", 200)),
        heard(tally("nik", 50, 1000), at=2),
        heard(tally(), host="x"),
    )
    assert len(told(book, heard(tally(first=5), host="x"))) == 0
    counts = sorted(one.record.count for one in book.end(3 * MINUTE))
    assert counts == [2, 250]


def test_a_clock_that_is_set_back_does_not_make_it_silent() -> None:
    book = Ledger()
    one = heard(tally("nik", 1204))
    assert len(told(book, one, one)) == 1
    assert len(list(book.tick(-100 * MINUTE))) == 1


def test_ends_that_somebody_makes_up_do_not_flood_the_collector() -> None:
    book = Ledger()
    dump = tally("nik", 200)
    said = told(
        book,
        *(
            heard(dump, at=n, client=f"203.0.{n >> 8}.{n & 255}", host=f"{n}.example")
            for n in range(1000)
        ),
    )
    assert len(said) == ledger.MOST_AN_HOUR + 1
    (level, rest) = said[-1]
    assert level == Severity.CRITICAL
    (later,) = [one for one in book.tick(55 * MINUTE) if one.record.peers > 1]
    assert (later.record.peer, later.record.domain) != (rest.peer, "")
    after = told(book, heard(dump, at=70 * 60, client="198.51.100.77"))
    assert [one.peer for _, one in after] == ["198.51.100.77"]
