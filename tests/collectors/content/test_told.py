"""Planted canaries are no news; stray ones are, whatever the column was taken for."""

from __future__ import annotations

import pytest

from collectors.content.result import CLEAN, FOUND, CanarySeen, RegisterSeen, ScanResult
from collectors.content.told import NOBODY, people_in, sort_out
from collectors.kinds import Tally


def seen(*canaries: CanarySeen, **tallies: int) -> ScanResult:
    return ScanResult(
        outcome=FOUND if tallies else CLEAN,
        tallies=tuple(Tally(type=name, count=n, distinct=n) for name, n in tallies.items()),
        canaries=canaries,
    )


BAIT = CanarySeen(id="c1", type="nik", count=1)
STRAY = CanarySeen(id="c2", type="nik", count=2)


def test_a_file_without_canaries_stays_as_it_is() -> None:
    answer = seen(nik=3)
    assert sort_out(answer, lambda _: True) == (answer, ())


def test_what_was_planted_there_is_nothing() -> None:
    answer, strays = sort_out(seen(BAIT, nik=1, birth=1), lambda one: one == "c1")
    assert (answer.tallies, answer.outcome, strays) == ((), CLEAN, ())


def test_bait_among_real_data_hides_none_of_it() -> None:
    answer, strays = sort_out(seen(BAIT, nik=5, birth=5, dsn=1), lambda one: one == "c1")
    assert ({one.type: one.count for one in answer.tallies}, strays) == (
        {"nik": 5, "birth": 5, "dsn": 1},
        (),
    )


def test_a_stray_one_is_told_though_its_column_convinces_nobody() -> None:
    answer, strays = sort_out(seen(BAIT, STRAY), lambda one: one == "c1")
    assert ([(one.type, one.count) for one in answer.tallies], strays) == ([("nik", 2)], ("c2",))
    both, _ = sort_out(seen(BAIT, STRAY, nik=3), lambda _: False)
    assert [one.count for one in both.tallies] == [3]


def with_people(*people: RegisterSeen, **tallies: int) -> ScanResult:
    answer = seen(**tallies)
    return ScanResult(outcome=answer.outcome, tallies=answer.tallies, people=people)


def test_nobody_is_told_of_a_register_that_has_gone_meanwhile() -> None:
    answer = with_people(RegisterSeen(register=1, type="nik", count=3, distinct=3, sure=True))
    assert people_in(answer, ("only",)) == (answer, NOBODY)
    assert people_in(seen(nik=3), ("only",)) == (seen(nik=3), NOBODY)


@pytest.mark.parametrize("told", ["nik", "kk"])
def test_people_are_counted_with_the_numbers_that_are_told(told: str) -> None:
    one = RegisterSeen(register=0, type="nik", count=9, distinct=7, confirmed=2, sure=True)
    answer, people = people_in(with_people(one, **{told: 12}), ("warga",))
    (tally,) = answer.tallies
    assert (tally.type, tally.count, tally.registered) == (told, 12, 7)
    assert people == (7, 2, ("warga",), True)


def test_people_in_a_column_that_convinced_nobody_are_told_when_sure() -> None:
    sure = RegisterSeen(register=0, type="nik", count=1, distinct=1, confirmed=1, sure=True)
    answer, _ = people_in(with_people(sure), ("warga",))
    assert ([(one.type, one.count) for one in answer.tallies], answer.outcome) == (
        [("nik", 1)],
        FOUND,
    )
    unsure = RegisterSeen(register=0, type="nik", count=2, distinct=2)
    quiet, people = people_in(with_people(unsure), ("warga",))
    assert (quiet.tallies, quiet.outcome, people.sure) == ((), CLEAN, False)
