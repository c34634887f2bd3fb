"""SQL dumps: INSERT with and without column lists, extended inserts, COPY of PostgreSQL."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from collectors.content.delimited import column_of, line_begin
from collectors.content.digits import Bytes, Ints
from collectors.content.groups import Groups
from collectors.content.keyed import key_before

_NAME = rb"[`\"\[]?(?:\w{1,64}[`\"\]]?\.[`\"\[]?)?(\w{1,64})[`\"\]]?"
# One expression for each keyword: with a literal beginning it is searched ten times faster.
_INTO = (
    rb"\s{1,8}" + _NAME + rb"\s{0,8}(?:\(([^()]{1,8000})\)\s{0,8})?(?:VALUES|values|SELECT|select)"
)
_COPY = rb"\s{1,8}" + _NAME + rb"\s{0,8}\(([^()]{1,8000})\)\s{1,8}FROM\s{1,8}(?:stdin|STDIN)"
_CREATE = rb"\s{1,8}(?:(?:IF NOT EXISTS|if not exists)\s{1,8})?" + _NAME + rb"\s{0,8}(\()"
_STATEMENTS = tuple(
    (keyword, kind, re.compile(keyword + rest))
    for kind, rest, keywords in (
        ("into", _INTO, (b"INTO", b"into")),
        ("copy", _COPY, (b"COPY",)),
        ("create", _CREATE, (b"CREATE TABLE", b"create table")),
    )
    for keyword in keywords
)
_MARKS = (
    (b"INSERT ", re.compile(rb"(?m)^INSERT ")),
    (b"insert ", re.compile(rb"(?m)^insert ")),
    (b"REPLACE ", re.compile(rb"(?m)^REPLACE ")),
    (b"COPY ", re.compile(rb"(?m)^COPY \S+ \(")),
    (b"CREATE TABLE ", None),
    (b"create table ", None),
)
"""A word, and the line that it has to begin; the word alone is searched a hundred times faster."""
_COLUMN = re.compile(rb"\A\s{0,100}(?:[`\"\[]([^`\"\[\]]{1,64})[`\"\]]|(\w{1,64}))")
_NO_COLUMN = frozenset(
    b"PRIMARY KEY UNIQUE CONSTRAINT FOREIGN INDEX FULLTEXT CHECK SPATIAL EXCLUDE LIKE".split()
)
_LONGEST_TABLE = 64 << 10
_MOST_CREATED = 8 << 20
"""Bytes of CREATE TABLE that are read in a file: a thousand large tables."""
_MOST_COLUMNS = 1 << 20
_MOST_KEYS = 10_000
"""Values outside of rows whose key is read, in one block."""


def looks_like_sql(head: bytes) -> bool:
    """Tell whether *head* has the statements of a dump."""
    return any(
        word in head and (line is None or line.search(head) is not None) for word, line in _MARKS
    )


class _Target(NamedTuple):
    table: str
    columns: tuple[str, ...]
    copy: bool


class Sql:
    """Follows the statements; the current one is carried from block to block."""

    format = "sql"

    def __init__(self) -> None:
        self.groups = Groups()
        self._tables: dict[str, tuple[str, ...]] = {}
        self._left = _MOST_CREATED
        self._current: _Target | None = None
        self._places: list[int] = []
        self._targets: list[_Target | None] = [None]

    def begin(self, data: bytes) -> None:
        """See `collectors.content.groups.Layout`."""
        self._places, self._targets = self._statements(data)

    def assign(self, data: bytes, block: Bytes, starts: Ints) -> Ints:
        """See `collectors.content.groups.Layout`."""
        segment = np.searchsorted(np.array(self._places, np.int64), starts, side="right")
        ids, distinct = _distinct(self._targets)
        target = ids[segment]
        column = value_column(block, starts)
        copied = np.array([item is not None and item.copy for item in distinct])[target]
        if copied.any():
            column = np.where(copied, column_of(block, starts, 9), column)
        nowhere = np.array([item is None for item in distinct])[target] | (column < 0)
        places_in = np.where(nowhere, -1, target * _MOST_COLUMNS + column)
        values, inverse = np.unique(places_in, return_inverse=True)
        numbers = [self._number(distinct, value) for value in values.tolist()]
        result: Ints = np.array(numbers, np.int64)[inverse]
        for index in np.flatnonzero(nowhere)[:_MOST_KEYS].tolist():
            result[index] = self.groups.number(key_before(data, int(starts[index])))
        return result

    def _number(self, distinct: list[_Target | None], place: int) -> int:
        if place < 0:
            return 0
        which, column = divmod(place, _MOST_COLUMNS)
        target = distinct[which]
        if target is None:
            return 0
        name = target.columns[column] if column < len(target.columns) else ""
        return self.groups.number(name, target.table, column)

    def _statements(self, data: bytes) -> tuple[list[int], list[_Target | None]]:
        found: list[tuple[int, str, re.Match[bytes]]] = []
        for keyword, kind, pattern in _STATEMENTS:
            if keyword in data:
                found += [(match.end(), kind, match) for match in pattern.finditer(data)]
        found.sort(key=lambda entry: entry[0])
        targets = [self._current]
        for end, kind, match in found:
            table = _text(match.group(1))
            if kind == "create":
                if self._left > 0:  # of all: one name may come again and again
                    self._tables[table], read = _columns_of(data, end)
                    self._left -= read
                targets.append(None)
                continue
            listed = match.group(2)
            columns = _names(listed.split(b",")) if listed else self._tables.get(table, ())
            targets.append(_Target(table, columns, kind == "copy"))
        self._current = targets[-1]
        return [entry[0] for entry in found], targets


def _distinct(targets: list[_Target | None]) -> tuple[Ints, list[_Target | None]]:
    numbers = {target: number for number, target in enumerate(dict.fromkeys(targets))}
    return np.array([numbers[target] for target in targets], np.int64), list(numbers)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _names(parts: list[bytes]) -> tuple[str, ...]:
    found = []
    for part in parts:
        match = _COLUMN.match(part)
        name = match.group(match.lastindex or 0) if match else b""
        if name and name.upper() not in _NO_COLUMN:
            found.append(_text(name))
    return tuple(found)


def _columns_of(data: bytes, start: int) -> tuple[tuple[str, ...], int]:
    """Return the columns of the table whose bracket opens before *start*, and the bytes read."""
    depth, begin, end = 1, start, start + _LONGEST_TABLE
    parts: list[bytes] = []
    for match in re.finditer(rb"[(),]", data[start:end]):
        char, place = match.group(), start + match.start()
        depth += {b"(": 1, b")": -1, b",": 0}[char]
        if depth == 0 or (depth == 1 and char == b","):
            parts.append(data[begin:place])
            begin = place + 1
        if depth == 0:
            end = place
            break
    return _names(parts), end - start


def value_column(block: Bytes, starts: Ints) -> Ints:
    """Return for each of *starts* its position in the ``(a, b, c)`` it stands in, or -1.

    Everything is relative to the line: a stray quote or bracket spoils its own line only.
    """
    lines = np.flatnonzero(block == 10)
    quotes = np.flatnonzero(block == 39)
    escaped = (block[quotes - 1] == 92) & (block[quotes - 2] != 92) & (quotes > 0)
    quotes = quotes[~escaped]

    def outside(char: int) -> Ints:
        places = np.flatnonzero(block == char)
        begins = line_begin(places, lines)
        before = np.searchsorted(quotes, places) - np.searchsorted(quotes, begins)
        kept: Ints = places[before % 2 == 0]
        return kept

    opened, closed, commas = outside(40), outside(41), outside(44)

    def depth(places: Ints) -> Ints:
        begins = line_begin(places, lines)
        up = np.searchsorted(opened, places) - np.searchsorted(opened, begins)
        down = np.searchsorted(closed, places) - np.searchsorted(closed, begins)
        level: Ints = up - down
        return level

    rows = opened[depth(opened) == 0]
    commas = commas[depth(commas) == 1]
    last = np.searchsorted(rows, starts, side="right") - 1
    if not len(rows):
        return np.full(len(starts), -1, np.int64)
    begin = rows[np.maximum(last, 0)]
    column: Ints = np.searchsorted(commas, starts) - np.searchsorted(commas, begin)
    inside = (last >= 0) & (begin >= line_begin(starts, lines)) & (depth(starts) >= 1)
    result: Ints = np.where(inside, column, -1)
    return result
