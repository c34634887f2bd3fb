"""Credentials, markings and headers of a file: what is found as text and stands by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from collectors.content.known import Watch
from collectors.content.match import Match
from collectors.kinds import Tally
from collectors.redact import SKETCH_SIZE, Redactor
from signatures.identifiers.finders import FINDERS

_MOST = 10_000
"""Values of one type that are kept in a file: bounds memory."""
_SAMPLES = 3
_REGISTERS = frozenset({"dukcapil", "bpjs_dump"})
_ONCE = _REGISTERS | {"marking"}
"""What says something of the whole file: counted once, not told as a sample."""


def matches(data: bytes, rules: set[str]) -> Iterator[Match]:
    """Yield the valid credentials in *data* of the types whose YARA rule hit."""
    for finder in FINDERS:
        if finder.rule not in rules:
            continue
        identifier = finder.identifier
        for start, end in finder.find(data):
            value = identifier.normalise(data[start:end].decode("utf-8", "surrogateescape"))
            if identifier.validate(value) and finder.telling(value):
                yield Match(identifier.name, value)


_CONFIDENCE = {finder.identifier.name: finder.confidence for finder in reversed(FINDERS)}


class Credentials:
    """Feed matches, then ask for tallies."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._counts: dict[str, dict[str, int]] = {}
        self.part: Counter[str] = Counter()
        """Values of each type in the part of the file that began last, told in the end or not."""
        self._cut = False
        self._first = True

    def begin(self) -> None:
        """A new part of the file begins."""
        self._first = True
        self.part = Counter()

    def __bool__(self) -> bool:
        """Tell whether anything was found."""
        return bool(self._counts)

    def feed(self, data: bytes, rules: set[str]) -> None:
        """Count the credentials in *data*."""
        if not rules:
            self._first = False
            return
        if not self._first:
            rules = rules - {"marking", "keepass"}  # they stand where a file begins
        self._first = False
        for match in matches(data, rules):
            values = self._counts.setdefault(match.type, {})
            if match.value in values or len(values) < _MOST:
                values[match.value] = values.get(match.value, 0) + 1
                self.part[match.type] += 1
            else:
                self._cut = True

    def show(self, watch: Watch) -> None:
        """Let *watch* look at all values that are kept."""
        for type_, values in self._counts.items():
            watch.see_texts(type_, values)

    def tallies(self, *, exact: bool) -> list[Tally]:
        """Return one tally for each type found."""
        return [self._tally(type_, values, exact=exact) for type_, values in self._counts.items()]

    def _tally(self, type_: str, values: dict[str, int], *, exact: bool) -> Tally:
        if type_ in _ONCE:
            return Tally(type=type_, count=1, distinct=1, confidence=_CONFIDENCE[type_])
        return Tally(
            type=type_,
            count=sum(values.values()),
            distinct=len(values),
            exact=exact and not self._cut,
            confidence=_CONFIDENCE[type_],
            samples=tuple(self._redactor.mask(value) for value in list(values)[:_SAMPLES]),
            tokens=self._redactor.sketch(type_, values, SKETCH_SIZE),
        )


def with_data(tallies: list[Tally], types: set[str]) -> list[Tally]:
    """Return *tallies* without headers of registers that have no data: programs name columns."""
    return [tally for tally in tallies if tally.type not in _REGISTERS or types]
