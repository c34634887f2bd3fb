"""CSV, TSV and relatives."""

from __future__ import annotations

import re

import numpy as np

from collectors.content.digits import Bools, Bytes, Ints
from collectors.content.groups import Groups

_DELIMITERS = b",;\t|"
_LINES = 20
_QUOTED = re.compile(rb'"[^"\n]*"')
_MOST_COLUMNS = 400


def sniff(head: bytes) -> int | None:
    """Return the delimiter (byte value) of *head*, or None when it is no table."""
    lines = [_QUOTED.sub(b"q", line) for line in head.split(b"\n", _LINES)[:_LINES] if line.strip()]
    if len(lines) > 2 and not head.endswith(b"\n"):
        lines.pop()  # perhaps cut in the middle
    best: tuple[int, int] | None = None
    for delimiter in _DELIMITERS:
        counts = {line.count(delimiter) for line in lines}
        if len(lines) >= 2 and len(counts) == 1 and 1 <= min(counts) < _MOST_COLUMNS:
            best = max(best or (0, 0), (min(counts), delimiter))
    return best[1] if best else None


def header(line: bytes, delimiter: int) -> list[str] | None:
    """Return the column names of a first line, or None when it is data already."""
    fields = line.strip(b"\r\n\xef\xbb\xbf").split(bytes([delimiter]))
    if any(sum(48 <= byte <= 57 for byte in field) >= 5 for field in fields):
        return None
    return [field.strip(b" \"'").decode("utf-8", "replace") for field in fields]


class Delimited:
    """Counts delimiters outside quotes between the line's begin and the value."""

    def __init__(self, delimiter: int, head: bytes) -> None:
        self.format = "tsv" if delimiter == 9 else "csv"
        self.groups = Groups()
        self._delimiter = delimiter
        self._names = header(head.split(b"\n", 1)[0], delimiter) or []

    def begin(self, data: bytes) -> None:
        """See `collectors.content.groups.Layout`: nothing is carried over."""

    def assign(self, data: bytes, block: Bytes, starts: Ints) -> Ints:  # noqa: ARG002 - Layout
        """See `collectors.content.groups.Layout`."""
        return self._numbers(column_of(block, starts, self._delimiter))

    def _numbers(self, columns: Ints) -> Ints:
        distinct, inverse = np.unique(columns, return_inverse=True)
        numbers = []
        for column in distinct.tolist():
            name = self._names[column] if column < len(self._names) else ""
            numbers.append(self.groups.number(name, column=column))
        return np.array(numbers, np.int64)[inverse]


def column_of(block: Bytes, starts: Ints, delimiter: int) -> Ints:
    """Return for each of *starts* how many delimiters stand before it on its line."""
    lines = np.flatnonzero(block == 10)
    delimiters = np.flatnonzero(block == delimiter)
    quotes = np.flatnonzero(block == 34)
    if len(quotes):
        delimiters = delimiters[~_quoted(delimiters, quotes, lines)]
    line_begins = line_begin(starts, lines)
    counted: Ints = np.searchsorted(delimiters, starts) - np.searchsorted(delimiters, line_begins)
    return counted


def line_begin(places: Ints, lines: Ints) -> Ints:
    """Return where the line of each of *places* begins; *lines* are the line feeds."""
    before = np.concatenate(([0], lines + 1))
    begins: Ints = before[np.searchsorted(lines, places)]
    return begins


def _quoted(places: Ints, quotes: Ints, lines: Ints) -> Bools:
    """Return which of *places* are inside quotes. A stray quote spoils its own line only."""
    before = np.searchsorted(quotes, places) - np.searchsorted(quotes, line_begin(places, lines))
    odd: Bools = before % 2 == 1
    return odd
