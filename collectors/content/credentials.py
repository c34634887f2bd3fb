"""Private keys, connection strings and assigned passwords of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from collectors.content.match import Match
from collectors.kinds import Tally
from collectors.redact import SKETCH_SIZE, Redactor
from signatures.identifiers.assignment import APP_KEY, PASSWORD, find_app_keys, find_passwords
from signatures.identifiers.base import Identifier
from signatures.identifiers.dsn import DSN, find_dsns, is_telling
from signatures.identifiers.private_key import PRIVATE_KEY, find_keys

_MOST = 10_000
"""Values of one type that are kept in a file: bounds memory."""
_SAMPLES = 3


class _Finder(NamedTuple):
    identifier: Identifier
    find: Callable[[bytes], Iterator[tuple[int, int]]]
    confidence: float


_FINDERS = {
    finder.identifier.name: finder
    for finder in (
        _Finder(PRIVATE_KEY, find_keys, 0.99),
        _Finder(DSN, find_dsns, 0.9),
        _Finder(APP_KEY, find_app_keys, 0.95),
        _Finder(PASSWORD, find_passwords, 0.8),
    )
}


def matches(data: bytes, rules: set[str]) -> Iterator[Match]:
    """Yield the valid credentials in *data* of the types whose YARA rule hit."""
    for name, finder in _FINDERS.items():
        if name not in rules:
            continue
        for start, end in finder.find(data):
            text = data[start:end].decode("utf-8", "surrogateescape")
            value = finder.identifier.normalise(text)
            if finder.identifier.validate(value) and (name != DSN.name or is_telling(value)):
                yield Match(name, value)


class Credentials:
    """Feed matches, then ask for tallies."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._counts: dict[str, dict[str, int]] = {}
        self._cut = False

    def feed(self, data: bytes, rules: set[str]) -> None:
        """Count the credentials in *data*."""
        for match in matches(data, rules):
            values = self._counts.setdefault(match.type, {})
            if match.value in values or len(values) < _MOST:
                values[match.value] = values.get(match.value, 0) + 1
            else:
                self._cut = True

    def tallies(self, *, exact: bool) -> list[Tally]:
        """Return one tally for each type found."""
        return [
            Tally(
                type=type_,
                count=sum(values.values()),
                distinct=len(values),
                exact=exact and not self._cut,
                confidence=_FINDERS[type_].confidence,
                samples=tuple(self._redactor.mask(value) for value in list(values)[:_SAMPLES]),
                tokens=self._redactor.sketch(type_, values, SKETCH_SIZE),
            )
            for type_, values in self._counts.items()
        ]
