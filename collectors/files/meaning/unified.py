"""A unified diff of versions of which only hashes and masked lines are known. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from collectors.kinds import Scrubbed

Line = tuple[bytes, str]
"""Keyed hash of the raw line, and the line as it may be shown."""

MOST_BYTES = 8 << 10
MOST_LINES = 200
_CONTEXT = 2
_COMPARED = 800
"""Lines of each side that are aligned; beyond, old and new are listed one after the other."""
CHANGED = "  (value changed)"


class Hunk(NamedTuple):
    """Lines that belong together."""

    old: int
    """First line of the old version, from 1."""
    new: int
    lines: list[str]


def unified(old: Sequence[Line], new: Sequence[Line], note: str = "") -> Scrubbed | None:
    """Return the differences, None when there are none. *note* stands in front, in brackets."""
    lines = [line for hunk in _hunks(old, new) for line in _rendered(hunk)]
    if not lines:
        return None
    return Scrubbed("\n".join(_cut([*([f"({note})"] if note else []), *lines])))


def _cut(lines: list[str]) -> list[str]:
    kept: list[str] = []
    room = MOST_BYTES - 64
    for line in lines[:MOST_LINES]:
        room -= len(line.encode("utf-8", "surrogatepass")) + 1
        if room < 0:
            break
        kept.append(line)
    left = len(lines) - len(kept)
    return [*kept, f"({left} more lines)"] if left else kept


def _rendered(hunk: Hunk) -> list[str]:
    removed = sum(not line.startswith("+") for line in hunk.lines)
    added = sum(not line.startswith("-") for line in hunk.lines)
    return [f"@@ -{hunk.old},{removed} +{hunk.new},{added} @@", *hunk.lines]


def _hunks(old: Sequence[Line], new: Sequence[Line]) -> Iterator[Hunk]:
    begin = _common(old, new)
    end = _common(old[begin:][::-1], new[begin:][::-1])
    before, after = old[begin : len(old) - end], new[begin : len(new) - end]
    if not before and not after:
        return
    lead = max(0, begin - _CONTEXT)
    if max(len(before), len(after)) > _COMPARED:
        yield Hunk(lead + 1, lead + 1, [*_same(old[lead:begin]), *_swapped(before, after)])
        return
    # Ends alike are given back as context.
    tail = min(end, _CONTEXT)
    left = old[lead : len(old) - end + tail]
    right = new[lead : len(new) - end + tail]
    matcher = difflib.SequenceMatcher(
        None, [line[0] for line in left], [line[0] for line in right], autojunk=False
    )
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        lines: list[str] = []
        for tag, a, b, c, d in group:
            lines += _same(left[a:b]) if tag == "equal" else _swapped(left[a:b], right[c:d])
        yield Hunk(lead + group[0][1] + 1, lead + group[0][3] + 1, lines)


def _common(old: Sequence[Line], new: Sequence[Line]) -> int:
    count = 0
    for one, other in zip(old, new, strict=False):
        if one[0] != other[0]:
            break
        count += 1
    return count


def _same(lines: Sequence[Line]) -> list[str]:
    return [f" {text}" for _, text in lines]


def _swapped(old: Sequence[Line], new: Sequence[Line]) -> list[str]:
    # Masked alike, yet not the same: what is hidden has changed.
    alike = {text for _, text in old} & {text for _, text in new}
    return [
        *(f"-{text}" for _, text in old),
        *(f"+{text}{CHANGED if text in alike else ''}" for _, text in new),
    ]
