"""Counts over all parts of one file: a file is one finding, however many members it has."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from collectors.content.columns import Column
from collectors.content.credentials import Credentials, with_data
from collectors.content.custom import Custom
from collectors.content.delimited import Delimited
from collectors.content.digits import Bytes
from collectors.content.extract import walk
from collectors.content.extract.budget import Budget, Stop
from collectors.content.groups import Layout
from collectors.content.known import Watch
from collectors.content.later import Later
from collectors.content.layout import choose
from collectors.content.markup import Markup
from collectors.content.named import Named
from collectors.content.numbers import Found, Numbers, tally
from collectors.content.parts import Failures, Parts
from collectors.content.reader import Blocks, Reader, joined
from collectors.content.result import TIMED_OUT
from collectors.content.rules import RuleSets
from collectors.kinds import Tally
from collectors.redact import Redactor
from signatures.yara_rules import Rules, hits

_MOST_COLUMNS = 16
"""Columns of one type that are kept apart before they are merged."""
_TITLE_ROWS = 30
_NOWHERE = Delimited(9, b"")
"""Until a part begins: nothing is looked up in it."""


class Gathered:
    """What was found in one file so far."""

    def __init__(
        self,
        rules: RuleSets,
        redactor: Redactor,
        budget: Budget,
        *,
        whole: int,
        sample_every: int,
        watch: Watch,
        matched: tuple[bytes, set[str]] | None = None,
    ) -> None:
        """*matched*: bytes that the rules for text have looked at already, and which they match."""
        self.scanned = 0
        self.parts = Parts()
        self.failures = Failures()
        self.format = ""
        """Of the first part; ``text`` when nothing was found in it: it costs time to tell more."""
        self._rules = rules
        self._redactor = redactor
        self.budget = budget
        self.watch = watch
        self._whole = whole
        self._every = sample_every
        self._matched = matched
        self._found: Found = {}
        self._factor = 0.0
        self._numbers: Numbers | None = None
        self._named = Named(_NOWHERE, redactor)
        self._credentials = Credentials(redactor)
        self._custom = Custom(rules.custom, _NOWHERE, redactor) if rules.custom else None

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
        blocks = self._thinned(text, text.cut(joined(leaf.pieces)))
        format_ = "" if leaf.kind == walk.TEXT else leaf.format
        self._part(text, blocks, _chooser(leaf.kind, suffix), leaf.where, format_)

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
        layout: Later | None = None
        try:
            for data in blocks:
                if layout is None:
                    layout = Later(functools.partial(chooser, text.head))
                    numbers = self._begin(layout)
                    format_ = format_ or ("binary" if text.binary else "")
                    seen: set[str] = set()
                self._feed(data, layout, numbers, seen, binary=text.binary)
                self.budget.check_time()
        finally:
            self.scanned += text.scanned
            if layout is not None:
                self._end(layout, numbers, where, format_)

    def _begin(self, layout: Layout) -> Numbers:
        self._credentials.begin()
        self._named.begin(layout)
        if self._custom is not None:
            self._custom.begin(layout)
        self._numbers = Numbers(layout, self._redactor, self.watch)
        return self._numbers

    def _feed(
        self, data: bytes, layout: Layout, numbers: Numbers, seen: set[str], *, binary: bool
    ) -> None:
        if self._matched is not None and self._matched[0] == data:
            matched = self._matched[1]
        else:
            matched = self._hits(self._rules.text, data)
        seen |= matched  # the name of a column stands in the first block only
        self._credentials.feed(data, matched)
        if binary and not self._hits(self._rules.personal, data):
            return
        block: Bytes = np.frombuffer(data, np.uint8)
        layout.begin(data)
        numbers.feed(data, block, seen)
        self._named.feed(data, block, seen)
        if self._custom is not None:
            self._custom.feed(data, block)

    def _hits(self, rules: Rules, data: bytes) -> set[str]:
        try:
            return hits(rules, data, self.budget.seconds_left())
        except TimeoutError as error:
            raise Stop(TIMED_OUT, "rules took too long") from error

    @property
    def empty(self) -> bool:
        """Whether there is nothing to tell: no value, no part that could not be read."""
        found = self._found or self._named or self._credentials or self._custom or self.watch
        return not (found or self.failures)

    def _end(self, layout: Layout, numbers: Numbers, where: tuple[str, ...], format_: str) -> None:
        counts = Counter(self._credentials.part)
        counts.update(self._named.part)
        if self._custom is not None:
            counts.update(self._custom.part)
        first = None
        for type_, columns in numbers.found().items():
            for _, column in columns:
                counts[type_] += column.valid
                first = column if first is None or column.first < first.first else first
            self._merge(type_, columns)
        if counts:
            self.parts.add(format_ or layout.format, counts, first, where)
        self.format = self.format or format_ or "text"

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
        found += self._named.tallies({one.type for one in found}, exact=exact)
        types = {one.type for one in found}
        if self._custom is not None:
            found += self._custom.tallies(exact=exact)
        self._credentials.show(self.watch)
        found += with_data(self._credentials.tallies(exact=exact), types)
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
