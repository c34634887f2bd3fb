"""Counts the numbered identifiers of a file, block after block."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import numpy as np

from collectors.content.columns import Column
from collectors.content.decide import LOWEST, Counts, announced, judge
from collectors.content.digits import Bools, Bytes, Candidates, Ints, candidates, may_hold
from collectors.content.groups import Layout
from collectors.content.known import Watch
from collectors.content.validate import BY_NAMED_SHAPE, BY_SHAPE, Validator
from collectors.kinds import Scrubbed, Tally
from collectors.redact import SKETCH_SIZE, Redactor
from signatures.identifiers import BY_NAME, IDENTIFIERS
from signatures.identifiers.bank_account import BANK
from signatures.identifiers.keys import announces

_NEAR = 300
NAMED = frozenset(name for name, kind in BY_NAME.items() if kind.named and kind.shapes)
FEWEST = min(sum(shape) for shape in BY_SHAPE)
"""Digits of the shortest identifier that is told by its digits alone."""
ROWS = 1 << 16
"""Candidates that are validated at once: bounds memory."""

_KEYWORDS = {
    "nik": re.compile(rb"(?i)\bn\.?i\.?k\b|\bno?[_ .]?kk\b|ktp|kependudukan|kartu keluarga"),
    "card": re.compile(rb"(?i)kartu kredit|credit card|visa|mastercard"),
    "bank_account": BANK,
}
_CITIZEN = re.compile(rb"(?i)\bn\.?i\.?k\b|ktp|induk kependudukan")
_MORE_WORDS = """
anak ayah baru data dan id ibu induk istri kepala keluarga kode lama nama no nomor
pasangan pegawai pemilik pemohon penduduk penerima pemegang saksi siswa suami wali warga
"""
_WORDS = frozenset(
    [word for kind in IDENTIFIERS for key in kind.keys for word in key.split("_")]
    + _MORE_WORDS.split()
)


class Numbers:
    """Feed blocks, then ask for tallies."""

    def __init__(self, layout: Layout, redactor: Redactor, watch: Watch) -> None:
        self._layout = layout
        self._watch = watch
        self._redactor = redactor
        self._columns: dict[tuple[str, int, bool], Column] = {}
        self._active: frozenset[str] = frozenset()
        self._place = Place()
        self._by_shape = shapes_for(self._active)

    def feed(self, data: bytes, block: Bytes, rules: set[str]) -> None:
        """Count the identifiers in *data*, which begins and ends between values.

        *rules* are the YARA rules that it or an earlier block matched: they say which types whose
        name has to stand there are worth looking for. The layout has begun with *data*.
        """
        active = frozenset(rules & NAMED)
        if not active <= self._active:
            self._active |= active
            self._by_shape = shapes_for(self._active)
        if self._active or self._columns or may_hold(data, FEWEST):
            for found in candidates(block, self._by_shape):
                for start in range(0, len(found.starts), ROWS):
                    part = slice(start, start + ROWS)
                    self._count(data, block, found.shape, found.starts[part], found.digits[part])
        self._place.passed(data)

    def _count(
        self, data: bytes, block: Bytes, shape: tuple[int, ...], starts: Ints, digits: Bytes
    ) -> None:
        verdicts = [(name, check(digits)) for name, check in self._by_shape[shape]]
        verdicts = [(name, valid) for name, valid in verdicts if valid.any()]
        if not verdicts and not self._columns:
            return
        found = Candidates(shape, starts, digits)
        groups = self._layout.assign(data, block, starts)
        apart = _apart(block, starts, sum(shape) + len(shape) - 1)
        for group in np.unique(groups).tolist():
            inside = groups == group
            for name, check in self._by_shape[shape]:
                valid = check(digits[inside])
                if name in NAMED:
                    valid &= apart[inside]
                column = self._column(name, group, len(shape) > 1, create=bool(valid.any()))
                if column is not None and not column.row and valid.any():
                    self._place.mark(column, data, int(starts[inside][valid][0]))
                if column is not None:
                    self._look_near(column, data, found.starts[inside])
                    values = column.add(digits[inside], valid)
                    if self._watch.wants(name):
                        self._watch.see(name, values, data, starts[inside][valid])

    def _column(self, name: str, group: int, separated: bool, *, create: bool) -> Column | None:
        key = (name, group, separated)
        column = self._columns.get(key)
        if column is None and create:
            title = self._layout.groups.names[group]
            if name in NAMED and name not in announced(title):
                return None
            column = self._columns[key] = Column(name, title, self._redactor, separated=separated)
        return column

    def _look_near(self, column: Column, data: bytes, starts: Ints) -> None:
        keywords = _KEYWORDS.get(column.type)
        if keywords is None or column.near or column.candidates >= 8:
            return
        for start in starts[:8].tolist():
            around = data[max(0, start - _NEAR) : start + _NEAR]
            column.near = column.near or keywords.search(around) is not None
            if column.type == "nik":
                column.citizen_near = column.citizen_near or _CITIZEN.search(around) is not None

    def end_whole(self) -> None:
        """From here on blocks are a sample."""
        for column in self._columns.values():
            column.in_whole = column.valid

    def found(self) -> Found:
        """Return the convincing columns of each type, each with its confidence."""
        by_type: Found = {}
        taken: set[tuple[str, bool]] = set()
        for (_, group, separated), column in sorted(self._columns.items(), key=_precedence):
            verdict = judge(_counts(column))
            place = (f"{group}/{column.width}", separated)
            if verdict is None or verdict.confidence < LOWEST or place in taken:
                continue
            taken.add(place)  # a card number that is a NIK too is one of them
            by_type.setdefault(verdict.type, []).append((verdict.confidence, column))
        return by_type


Found = dict[str, list[tuple[float, Column]]]


class Place:
    """Counts bytes, lines and pages of the blocks that have passed."""

    def __init__(self) -> None:
        self._bytes = 0
        self._lines = 0
        self._pages = 0
        self._last = b""

    def passed(self, data: bytes) -> None:
        """Take note of a block after it was counted; most texts have one only."""
        self._catch_up()
        self._last = data

    def _catch_up(self) -> None:
        last, self._last = self._last, b""
        self._bytes += len(last)
        self._lines += last.count(b"\n")
        self._pages += last.count(b"\f")

    def mark(self, column: Column, data: bytes, start: int) -> None:
        """Tell *column* that its first value stands at *start* of the block *data*."""
        self._catch_up()
        column.first = self._bytes + start
        column.row = self._lines + data.count(b"\n", 0, start) + 1
        column.page = self._pages + data.count(b"\f", 0, start) + 1


def tally(
    redactor: Redactor,
    type_: str,
    parts: list[tuple[float, Column]],
    *,
    exact: bool,
    factor: float = 0.0,
) -> Tally:
    """Return what the columns of one type say together.

    *factor*: for how many bytes each byte of a sample stands; 0 when nothing was sampled.
    """
    parts.sort(key=lambda part: part[1].valid, reverse=True)
    first = parts[0][1]
    for _, other in parts[1:]:
        first.sketch.merge(other.sketch)
    count = sum(column.valid for _, column in parts)
    whole = sum(column.in_whole for _, column in parts)
    return Tally(
        type=type_,
        count=count,
        distinct=min(count, first.sketch.distinct()),
        exact=exact,
        about=round(whole + (count - whole) * factor) if factor else None,
        confidence=max(confidence for confidence, _ in parts),
        column=_shown(first.name),
        samples=tuple(redactor.mask(first.text(value)) for value in first.samples),
        tokens=tuple(
            sorted(
                redactor.token(type_, first.text(value))
                for value in first.sketch.smallest(SKETCH_SIZE).tolist()
            )
        ),
    )


def _apart(block: Bytes, starts: Ints, length: int) -> Bools:
    """Return which values have no letter next to them: hashes hold digits, too."""
    before = block[np.maximum(starts - 1, 0)] | 32
    after = block[np.minimum(starts + length, len(block) - 1)] | 32
    letter_before = (before >= 97) & (before <= 122) & (starts > 0)
    letter_after = (after >= 97) & (after <= 122) & (starts + length < len(block))
    apart: Bools = ~(letter_before | letter_after)
    return apart


def _precedence(item: tuple[tuple[str, int, bool], Column]) -> tuple[int, int]:
    (name, group, _), column = item
    # The type that the column's name announces comes first, then the order of validators.
    return (0 if name in announced(column.name) else 1, group * len(_ORDER) + _ORDER.index(name))


_ORDER = ("nik", "nip", "npwp", "card", *sorted(NAMED))


@functools.lru_cache(64)
def shapes_for(
    active: frozenset[str],
) -> Mapping[tuple[int, ...], tuple[tuple[str, Validator], ...]]:
    """Return the shapes to look for, with those of the types in *active*, of `NAMED`."""
    merged = dict(BY_SHAPE)
    for shape, checks in BY_NAMED_SHAPE.items():
        wanted = tuple(check for check in checks if check[0] in active)
        if wanted:
            merged[shape] = merged.get(shape, ()) + wanted
    return merged


def _counts(column: Column) -> Counts:
    return Counts(
        type=column.type,
        name=column.name,
        candidates=column.candidates,
        valid=column.valid,
        men=column.men,
        recent=column.recent,
        in_district=column.in_district,
        separated=column.separated,
        near=column.near,
        citizen_near=column.citizen_near,
    )


def _shown(name: str) -> Scrubbed | None:
    # A "name" may be data ("NIK Budi Santoso 1571..."): only words we know are told.
    if not announced(name):
        return None
    if set(name.split("_")) <= _WORDS:
        return Scrubbed(name)
    keys = [key for kind in IDENTIFIERS for key in kind.keys if announces(name, (key,))]
    return Scrubbed(max(keys, key=len))
