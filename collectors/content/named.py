"""Values with letters in them that need a column or a key: passports, plates, births, addresses.

Looked for only where a YARA rule saw the name of such a column; judged like numbers, but for the
population: cells of another form are not seen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from collectors.content.digits import Bytes
from collectors.content.groups import Layout
from collectors.kinds import Scrubbed, Tally
from collectors.redact import SKETCH_SIZE, Redactor
from signatures.identifiers import BY_NAME
from signatures.identifiers.birth import NAME, find_births
from signatures.identifiers.email import find_emails
from signatures.identifiers.keys import announces
from signatures.identifiers.passport import find_passports
from signatures.identifiers.plate import find_plates

FINDERS: dict[str, Callable[[bytes], Iterator[tuple[int, int]]]] = {
    "passport": find_passports,
    "plate": find_plates,
    "birth": find_births,
    "email": find_emails,
}
NAMES = frozenset(FINDERS)
TOLD_BESIDE_OTHERS = frozenset({"email"})
"""Types that stand everywhere: beside other data they add to it, alone they are not told."""
_MOST = 10_000
"""Different values of one type that are kept in a file."""
_MOST_IN_BLOCK = 50_000
_SAMPLES = 3
_NOT_OF_PEOPLE = re.compile(r"(?:\A|_)(?:barang|produk|expired|kantor|perusahaan)(?:_|\Z)")


class Named:
    """Feed blocks with the names of the rules that hit, then ask for tallies."""

    def __init__(self, layout: Layout, redactor: Redactor) -> None:
        self._layout = layout
        self._redactor = redactor
        self._values: dict[str, dict[str, int]] = {}
        self.part: Counter[str] = Counter()
        """Values of each type in the part of the file that began last, told in the end or not."""
        self._columns: dict[str, str] = {}
        self._people = False
        self._exact = True

    def begin(self, layout: Layout) -> None:
        """A new part of the file begins, of another layout."""
        self._layout = layout
        self.part = Counter()

    def __bool__(self) -> bool:
        """Tell whether anything was found."""
        return bool(self._values)

    def feed(self, data: bytes, block: Bytes, rules: set[str]) -> None:
        """Count what *data* holds; the layout has begun with it."""
        for type_ in sorted(NAMES & rules):
            places = []
            for start, end in FINDERS[type_](data):
                places.append((start, end))
                if len(places) >= _MOST_IN_BLOCK:
                    self._exact = False
                    break
            if places:
                self._count(type_, data, block, places)
        if "birth" in rules and not self._people:
            self._people = NAME.search(data) is not None

    def _count(self, type_: str, data: bytes, block: Bytes, places: list[tuple[int, int]]) -> None:
        identifier = BY_NAME[type_]
        if type_ == "email":  # it needs no name: it is told beside other data only
            for start, end in places:
                self._check(type_, "", data[start:end])
            return
        starts = np.array([start for start, _ in places], np.int64)
        groups = self._layout.assign(data, block, starts)
        for group in np.unique(groups).tolist():
            name = self._layout.groups.names[group]
            if not announces(name, identifier.keys) or _NOT_OF_PEOPLE.search(name):
                continue
            for index in np.flatnonzero(groups == group).tolist():
                start, end = places[index]
                self._check(type_, name, data[start:end])

    def _check(self, type_: str, name: str, raw: bytes) -> None:
        identifier = BY_NAME[type_]
        value = identifier.normalise(raw.decode("ascii", "replace"))
        if identifier.validate(value):
            self._add(type_, name, value)

    def _add(self, type_: str, name: str, value: str) -> None:
        values = self._values.setdefault(type_, {})
        self._columns.setdefault(type_, name)
        if value in values or len(values) < _MOST:
            values[value] = values.get(value, 0) + 1
            self.part[type_] += 1
        else:
            self._exact = False

    def tallies(self, others: set[str], *, exact: bool) -> list[Tally]:
        """Return one tally for each type found; *others* are the types found by other means."""
        found = []
        for type_, values in self._values.items():
            if type_ == "birth" and not self._people:
                continue  # dates, and nobody they belong to
            beside = (others | self._values.keys()) - TOLD_BESIDE_OTHERS
            if type_ in TOLD_BESIDE_OTHERS and not beside:
                continue
            found.append(
                Tally(
                    type=type_,
                    count=sum(values.values()),
                    distinct=len(values),
                    exact=exact and self._exact,
                    confidence=0.7 if type_ == "email" else 0.85,
                    column=self._shown(type_),
                    samples=tuple(self._redactor.mask(value) for value in list(values)[:_SAMPLES]),
                    tokens=self._redactor.sketch(type_, values, SKETCH_SIZE),
                )
            )
        return found

    def _shown(self, type_: str) -> Scrubbed | None:
        name = self._columns.get(type_, "")
        keys = [key for key in BY_NAME[type_].keys if announces(name, (key,))]
        return Scrubbed(max(keys, key=len)) if keys else None
