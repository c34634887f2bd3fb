"""What the child says of canaries and of registered people, as it is told of the file. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from collectors.content.result import CLEAN, FOUND, ScanResult
from collectors.kinds import Tally


def sort_out(
    answer: ScanResult, is_planted: Callable[[str], bool]
) -> tuple[ScanResult, tuple[str, ...]]:
    """Return *answer* without what was planted there, and the ids of the other canaries.

    A file that holds nothing but what was planted in it holds nothing.
    """
    if not answer.canaries:
        return answer, ()
    bait: Counter[str] = Counter()
    strays: dict[str, list[str]] = {}
    for one in answer.canaries:
        if is_planted(one.id):
            bait[one.type] += one.count
        else:
            strays.setdefault(one.id, []).append(one.type)
    bait["birth"] = bait["nik"]  # the person's date of birth stands beside the number
    tallies = [one for one in answer.tallies if one.count > bait.get(one.type, 0)]
    told = {tally.type for tally in tallies}
    lone: Counter[str] = Counter()
    for one in answer.canaries:
        if one.id in strays and one.type not in told:
            lone[one.type] += one.count
    # A single number in a log convinces nobody by its form alone; that it is a canary does.
    tallies += [Tally(type=type_, count=count, distinct=1) for type_, count in lone.items()]
    outcome = answer.outcome
    if not tallies and outcome == FOUND:
        outcome = CLEAN
    return msgspec.structs.replace(answer, tallies=tuple(tallies), outcome=outcome), tuple(strays)


class People(NamedTuple):
    """The registered people in a file."""

    registered: int = 0
    """Different ones."""
    confirmed: int = 0
    registers: tuple[str, ...] = ()
    sure: bool = False


NOBODY = People()
_SAME = {"nik": "kk", "kk": "nik"}
_CERTAIN = 0.97


def people_in(answer: ScanResult, names: Sequence[str]) -> tuple[ScanResult, People]:
    """Return *answer* with what is certain of its numbers, and the people; *names* of registers.

    That a number stands in the register says more than its form and the name of its column.
    """
    seen = [one for one in answer.people if one.register < len(names)]
    if not seen:
        return answer, NOBODY
    people = People(
        registered=max(one.distinct for one in seen),
        confirmed=max(one.confirmed for one in seen),
        registers=tuple(dict.fromkeys(names[one.register] for one in seen)),
        sure=any(one.sure for one in seen),
    )
    tallies = list(answer.tallies)
    for one in seen:
        told = [
            n for n, tally in enumerate(tallies) if tally.type in (one.type, _SAME.get(one.type))
        ]
        if told:
            first = tallies[told[0]]
            known = max(one.distinct, first.registered or 0)
            confidence = max(first.confidence, _CERTAIN) if one.sure else first.confidence
            tallies[told[0]] = msgspec.structs.replace(
                first, registered=known, confidence=confidence
            )
        elif one.sure:
            tallies.append(
                Tally(
                    type=one.type,
                    count=one.count,
                    distinct=one.distinct,
                    confidence=_CERTAIN,
                    registered=one.distinct,
                )
            )
    outcome = FOUND if answer.outcome == CLEAN and tallies else answer.outcome
    return msgspec.structs.replace(answer, tallies=tuple(tallies), outcome=outcome), people
