"""Planted canaries are no news; stray ones are, whatever the column was taken for."""

from __future__ import annotations

from collectors.content.result import CLEAN, FOUND, CanarySeen, ScanResult
from collectors.exposure.told import sort_out
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
