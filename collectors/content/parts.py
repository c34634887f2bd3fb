"""Where in one file values stand, and what in it could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from collectors.content.columns import Column
from collectors.kinds import DataPart, Scrubbed, Unread
from collectors.redact import excerpt

_MOST = 20
"""Parts that are told."""
_MOST_KEPT = 200
"""Before it is known which types are told: some need other data beside them, or a number."""
_LONGEST_PATH = 300
_LONGEST_NAME = 2000


class _Part(NamedTuple):
    format: str
    counts: Counter[str]
    first: Column | None
    where: tuple[str, ...]


class Parts:
    """The fullest parts of one file."""

    def __init__(self) -> None:
        self._kept: list[_Part] = []

    def add(
        self, format_: str, counts: Counter[str], first: Column | None, where: tuple[str, ...]
    ) -> None:
        """Take what one part holds; *first* is the column with its first number."""
        names = tuple(name[:_LONGEST_NAME] for name in where)
        self._kept.append(_Part(format_, counts, first, names))
        if len(self._kept) > 2 * _MOST_KEPT:
            self._shrink(_MOST_KEPT)

    def _shrink(self, most: int) -> None:
        self._kept.sort(key=lambda part: -sum(part.counts.values()))
        del self._kept[most:]

    def told(self, types: Collection[str]) -> tuple[DataPart, ...]:
        """Return the parts that hold values of *types*, the fullest first."""
        self._kept = [
            part._replace(
                counts=Counter({one: n for one, n in part.counts.items() if one in types})
            )
            for part in self._kept
        ]
        self._kept = [part for part in self._kept if part.counts]
        self._shrink(_MOST)
        return tuple(_told(part) for part in self._kept)


def _told(part: _Part) -> DataPart:
    first = part.first
    return DataPart(
        format=part.format,
        count=sum(part.counts.values()),
        types=tuple(sorted(part.counts)),
        path=shown(part.where),
        row=first.row if first and part.format not in ("pdf", "binary") else None,
        page=first.page if first and part.format == "pdf" else None,
        offset=first.first if first else None,
    )


class Failures:
    """What could not be read, by outcome."""

    def __init__(self) -> None:
        self._known: dict[str, Unread] = {}

    def add(self, where: tuple[str, ...], outcome: str, detail: str) -> None:
        """Take note of a part that cannot be read."""
        known = self._known.get(outcome)
        self._known[outcome] = (
            Unread(outcome=outcome, count=1, detail=Scrubbed(detail), path=shown(where))
            if known is None
            else Unread(
                outcome=outcome, count=known.count + 1, detail=known.detail, path=known.path
            )
        )

    def __bool__(self) -> bool:
        """Tell whether anything could not be read."""
        return bool(self._known)

    def told(self) -> tuple[Unread, ...]:
        """Return one entry for each outcome, in the order of their first appearance."""
        return tuple(self._known.values())


def shown(where: tuple[str, ...]) -> Scrubbed | None:
    """Return names inside containers as they may be told."""
    if not where:
        return None
    return excerpt(" > ".join(name[:_LONGEST_NAME] for name in where), _LONGEST_PATH)
