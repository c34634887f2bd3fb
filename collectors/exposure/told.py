"""What the child says of canaries, set against the places where they were planted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

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
