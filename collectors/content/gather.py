"""Counts over all parts of one file: a file is one finding, however many members it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from collectors.content.columns import Column
from collectors.content.credentials import Credentials, with_data
from collectors.content.delimited import Delimited
from collectors.content.digits import Bytes
from collectors.content.extract import walk
from collectors.content.extract.budget import Budget
from collectors.content.groups import Layout
from collectors.content.layout import choose
from collectors.content.markup import Markup
from collectors.content.named import Named
from collectors.content.numbers import Found, Numbers, tally
from collectors.content.reader import Blocks, Reader
from collectors.content.rules import RuleSets
from collectors.kinds import DataPart, Scrubbed, Tally, Unread
from collectors.redact import Redactor, excerpt
from signatures.yara_rules import hits

_YARA_SECONDS = 60
_MOST_PARTS = 20
_MOST_COLUMNS = 16
"""Columns of one type that are kept apart before they are merged."""
_LONGEST_PATH = 300
_TITLE_ROWS = 30
_OF_THE_BEGIN = 2 << 20


class Gathered:
    """What was found in one file so far."""

    def __init__(
        self, rules: RuleSets, redactor: Redactor, budget: Budget, *, whole: int, sample_every: int
    ) -> None:
        self.scanned = 0
        self.parts: list[DataPart] = []
        self.unread: list[Unread] = []
        self.format = ""
        """Of the first part."""
        self._rules = rules
        self._redactor = redactor
        self.budget = budget
        self._whole = whole
        self._every = sample_every
        self._found: Found = {}
        self._factor = 0.0
        self._numbers: Numbers | None = None
        self._credentials = Credentials(redactor)
        self._named: Named | None = None

    def bare(self, reader: Reader, suffix: str) -> None:
        """Take a file that is no container.

        Raises:
            OSError: reading failed.
            Stop: time is over.
        """
        reader.before_sample = self._before_sample
        try:
            self._part(reader.text, reader.blocks(), lambda head: choose(head, suffix), (), "")
        finally:
            self._factor = reader.factor

    def _before_sample(self) -> None:
        if self._numbers is not None:
            self._numbers.end_whole()

    def leaf(self, leaf: walk.Leaf, suffix: str) -> None:
        """Take a part of a container.

        Raises:
            PartError: it is damaged, encrypted ...; what came before that is counted.
            OSError: reading failed.
        """
        text = Blocks()
        blocks = self._thinned(text, text.cut(leaf.pieces))
        format_ = "" if leaf.kind == walk.TEXT else leaf.format
        self._part(text, blocks, _chooser(leaf.kind, suffix), leaf.where, format_)

    def fail(self, where: tuple[str, ...], outcome: str, detail: str) -> None:
        """Take note of a part that cannot be read."""
        for index, known in enumerate(self.unread):
            if known.outcome == outcome:
                self.unread[index] = Unread(
                    outcome=outcome, count=known.count + 1, detail=known.detail, path=known.path
                )
                return
        self.unread.append(
            Unread(outcome=outcome, count=1, detail=Scrubbed(detail), path=shown(where))
        )

    def _thinned(self, text: Blocks, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Skip most of what follows the first `whole` bytes of a stream."""
        for number, data in enumerate(blocks):
            if text.scanned > self._whole and number % self._every:
                self.budget.cut = True
                text.scanned -= len(data)
                continue
            yield data

    def _part(
        self,
        text: Blocks,
        blocks: Iterator[bytes],
        chooser: Callable[[bytes], Layout],
        where: tuple[str, ...],
        format_: str,
    ) -> None:
        numbers: Numbers | None = None
        before = self._credentials.counts()
        try:
            for data in blocks:
                if numbers is None:
                    layout = chooser(text.head)
                    format_ = format_ or ("binary" if text.binary else layout.format)
                    self.format = self.format or format_
                    numbers = self._numbers = Numbers(layout, self._redactor)
                    named = self._begin(layout)
                    seen: set[str] = set()
                rules = hits(self._rules.text, data, _YARA_SECONDS)
                seen |= rules
                self._credentials.feed(data, rules)
                if not text.binary or hits(self._rules.personal, data, _YARA_SECONDS):
                    block: Bytes = np.frombuffer(data, np.uint8)
                    layout.begin(data)
                    numbers.feed(data, block, seen)
                    named.feed(data, block, seen)
                self.budget.check_time()
        finally:
            self.scanned += text.scanned
            if numbers is not None:
                self._end(numbers, before, where, format_)

    def _begin(self, layout: Layout) -> Named:
        self._credentials.begin()
        if self._named is None:
            self._named = Named(layout, self._redactor)
        else:
            self._named.begin(layout)
        return self._named

    def _end(
        self, numbers: Numbers, before: Counter[str], where: tuple[str, ...], format_: str
    ) -> None:
        counts = self._credentials.counts() - before
        first = None
        for type_, columns in numbers.found().items():
            for _, column in columns:
                counts[type_] += column.valid
                first = column if first is None or column.first < first.first else first
            self._merge(type_, columns)
        if not counts:
            return
        self.parts.append(
            DataPart(
                format=format_,
                count=counts.total() if hasattr(counts, "total") else sum(counts.values()),
                types=tuple(sorted(counts)),
                path=shown(where),
                row=first.row if first and format_ not in ("pdf", "binary") else None,
                page=first.page if first and format_ == "pdf" else None,
                offset=first.first if first else None,
            )
        )
        self.parts.sort(key=lambda part: -part.count)
        del self.parts[_MOST_PARTS:]

    def _merge(self, type_: str, columns: list[tuple[float, Column]]) -> None:
        kept = self._found.setdefault(type_, [])
        kept += columns
        if len(kept) > _MOST_COLUMNS:
            kept.sort(key=lambda part: part[1].valid, reverse=True)
            (confidence, first), *others = kept
            for sure, other in others:
                first.sketch.merge(other.sketch)
                first.valid += other.valid
                confidence = max(confidence, sure)
            self._found[type_] = [(confidence, first)]

    def tallies(self, *, exact: bool) -> list[Tally]:
        """Return one tally for each type found, the most frequent first."""
        found = [
            tally(self._redactor, type_, columns, exact=exact, factor=self._factor)
            for type_, columns in self._found.items()
        ]
        if self._named is not None:
            found += self._named.tallies({one.type for one in found}, exact=exact)
        found += with_data(self._credentials.tallies(exact=exact), {one.type for one in found})
        return sorted(found, key=lambda one: -one.count)


def _chooser(kind: str, suffix: str) -> Callable[[bytes], Layout]:
    if kind == walk.TABLE:
        return table
    if kind == walk.MARKUP:
        return lambda _: Markup()
    return lambda head: choose(head, suffix)


def table(head: bytes) -> Layout:
    """Return the layout of a sheet: titles may stand above the names of its columns."""
    lines = head.split(b"\n", _TITLE_ROWS)[:_TITLE_ROWS]
    return Delimited(9, max(lines, key=_names, default=b""))


def _names(line: bytes) -> int:
    fields = [field for field in line.split(b"\t") if field.strip()]
    return sum(1 for field in fields if sum(48 <= byte <= 57 for byte in field) < 5) * (
        all(sum(48 <= byte <= 57 for byte in field) < 5 for field in fields)
    )


def shown(where: tuple[str, ...]) -> Scrubbed | None:
    """Return names inside containers as they may be told."""
    if not where:
        return None
    return excerpt(" > ".join(name[:_OF_THE_BEGIN] for name in where), _LONGEST_PATH)
