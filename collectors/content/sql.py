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
_STATEMENT = re.compile(
    rb"(?:INTO|into)\s{1,8}" + _NAME + rb"\s{0,8}(?:\(([^()]{1,8000})\)\s{0,8})?(?:VALUES|values)"
    rb"|COPY\s{1,8}" + _NAME + rb"\s{0,8}\(([^()]{1,8000})\)\s{1,8}FROM\s{1,8}(?:stdin|STDIN)"
    rb"|(?:CREATE TABLE|create table)\s{1,8}(?:IF NOT EXISTS\s{1,8})?" + _NAME + rb"\s{0,8}\("
)
_MARKS = re.compile(
    rb"(?m)^(?:INSERT|insert|REPLACE) |^COPY \S+ \(|(?:CREATE|create) (?:TABLE|table) "
)
_COLUMN = re.compile(rb"\A\s{0,100}[`\"\[]?(\w{1,64})")
_NO_COLUMN = frozenset(
    b"PRIMARY KEY UNIQUE CONSTRAINT FOREIGN INDEX FULLTEXT CHECK SPATIAL EXCLUDE LIKE".split()
)
_LONGEST_TABLE = 64 << 10


def looks_like_sql(head: bytes) -> bool:
    """Tell whether *head* has the statements of a dump."""
    return _MARKS.search(head) is not None


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
        self._current: _Target | None = None

    def assign(self, data: bytes, block: Bytes, starts: Ints) -> Ints:
        """See `collectors.content.groups.Layout`."""
        places, targets = self._statements(data)
        segment = np.searchsorted(np.array(places, np.int64), starts, side="right")
        values, tabs = value_column(block, starts), None
        result = np.zeros(len(starts), np.int64)
        cache: dict[tuple[int, int], int] = {}
        for index, (which, column) in enumerate(
            zip(segment.tolist(), values.tolist(), strict=True)
        ):
            target = targets[which]
            if target is not None and target.copy:
                tabs = column_of(block, starts, 9) if tabs is None else tabs
                column = int(tabs[index])  # noqa: PLW2901 - the same thing, counted otherwise
            if target is None or column < 0:
                result[index] = self.groups.number(key_before(data, int(starts[index])))
                continue
            place = (id(target), column)
            if place not in cache:
                name = target.columns[column] if column < len(target.columns) else ""
                cache[place] = self.groups.number(name, target.table, column)
            result[index] = cache[place]
        return result

    def _statements(self, data: bytes) -> tuple[list[int], list[_Target | None]]:
        places: list[int] = []
        targets = [self._current]
        known: dict[tuple[str, tuple[str, ...], bool], _Target] = {}
        for match in _STATEMENT.finditer(data):
            into, listed, copied, copy_list, created = match.groups()
            if created is not None:
                if len(self._tables) < 1000:
                    self._tables[_text(created)] = _columns_of(data, match.end())
                target = None
            else:
                table = _text(into or copied)
                text = listed or copy_list
                columns = _names(text.split(b",")) if text else self._tables.get(table, ())
                target = _Target(table, columns, copied is not None)
                target = known.setdefault(target, target)
            places.append(match.end())
            targets.append(target)
        self._current = targets[-1]
        return places, targets


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _names(parts: list[bytes]) -> tuple[str, ...]:
    found = []
    for part in parts:
        match = _COLUMN.match(part)
        if match and match.group(1).upper() not in _NO_COLUMN:
            found.append(_text(match.group(1)))
    return tuple(found)


def _columns_of(data: bytes, start: int) -> tuple[str, ...]:
    depth, begin = 1, start
    parts: list[bytes] = []
    for match in re.finditer(rb"[(),]", data[start : start + _LONGEST_TABLE]):
        char, place = match.group(), start + match.start()
        depth += {b"(": 1, b")": -1, b",": 0}[char]
        if depth == 0 or (depth == 1 and char == b","):
            parts.append(data[begin:place])
            begin = place + 1
        if depth == 0:
            break
    return _names(parts)


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
