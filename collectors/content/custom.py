"""Counts what an operator defined: patterns by their literal, words by YARA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from collectors.content.custom_forms import PREFIX, CustomIdentifier
from collectors.content.digits import Bytes
from collectors.content.groups import Layout
from collectors.kinds import Tally
from collectors.redact import SKETCH_SIZE, Redactor
from signatures.identifiers import custom
from signatures.identifiers.keys import announces, fold
from signatures.yara_rules import Rules, compile_words, places

_MOST = 10_000
"""Different values, and places in one block, that are kept for one identifier."""
_SAMPLES = 3
_SECONDS = 60


class _One(NamedTuple):
    form: CustomIdentifier
    pattern: custom.Pattern | None
    keys: tuple[str, ...]


class Definitions:
    """The operator's identifiers, compiled once for all files."""

    def __init__(self, forms: Sequence[CustomIdentifier]) -> None:
        """Take checked *forms*."""
        self.all = tuple(
            _One(
                form,
                custom.parse(form.pattern) if form.pattern else None,
                tuple(fold(key) for key in form.keys),
            )
            for form in forms
        )
        words = {form.name: form.words for form in forms if form.words}
        self._words: Rules | None = compile_words(words) if words else None

    def find(self, data: bytes) -> Iterator[tuple[_One, list[tuple[int, int]]]]:
        """Yield each identifier that *data* holds, and where."""
        by_rule = places(self._words, data, _SECONDS) if self._words else {}
        for one in self.all:
            if one.pattern is None:
                found = by_rule.get(one.form.name, [])
            elif one.pattern.literal in data:
                found = [match.span() for match in one.pattern.expression.finditer(data)]
            else:
                continue
            spans = [span for span in found if span[1] > span[0]]
            if spans:
                yield one, spans


class Custom:
    """Feed blocks, then ask for tallies."""

    def __init__(self, definitions: Definitions, layout: Layout, redactor: Redactor) -> None:
        self._definitions = definitions
        self._layout = layout
        self._redactor = redactor
        self._values: dict[str, dict[str, int]] = {}
        self.part: Counter[str] = Counter()
        """Values of each type in the part of the file that began last, told in the end or not."""
        self._cut: set[str] = set()

    def begin(self, layout: Layout) -> None:
        """A new part of the file begins, of another layout."""
        self._layout = layout
        self.part = Counter()

    def __bool__(self) -> bool:
        """Tell whether anything was found."""
        return bool(self._values)

    def feed(self, data: bytes, block: Bytes) -> None:
        """Count what *data* holds; the layout has begun with it."""
        for one, spans in self._definitions.find(data):
            name = one.form.name
            if len(spans) > _MOST and one.keys:
                self._cut.add(name)
            kept = self._under_keys(one, spans[:_MOST], data, block) if one.keys else spans
            for start, end in kept:
                text = data[start:end].decode("utf-8", "surrogateescape")
                self._add(name, text.lower() if one.pattern is None else text)

    def _under_keys(
        self, one: _One, spans: list[tuple[int, int]], data: bytes, block: Bytes
    ) -> list[tuple[int, int]]:
        starts = np.array([start for start, _ in spans], np.int64)
        groups = self._layout.assign(data, block, starts).tolist()
        names = self._layout.groups.names
        return [
            span
            for span, group in zip(spans, groups, strict=True)
            if announces(names[group], one.keys)
        ]

    def _add(self, name: str, value: str) -> None:
        values = self._values.setdefault(name, {})
        if value in values or len(values) < _MOST:
            values[value] = values.get(value, 0) + 1
            self.part[PREFIX + name] += 1
        else:
            self._cut.add(name)

    def tallies(self, *, exact: bool) -> list[Tally]:
        """Return one tally for each identifier that stands there often enough."""
        found = []
        for one in self._definitions.all:
            values = self._values.get(one.form.name, {})
            count = sum(values.values())
            if count < one.form.least or not count:
                continue
            type_ = PREFIX + one.form.name
            found.append(
                Tally(
                    type=type_,
                    count=count,
                    distinct=len(values),
                    exact=exact and one.form.name not in self._cut,
                    confidence=0.9 if one.keys else 0.8,
                    samples=tuple(self._redactor.mask(value) for value in list(values)[:_SAMPLES]),
                    tokens=self._redactor.sketch(type_, values, SKETCH_SIZE),
                )
            )
        return found
