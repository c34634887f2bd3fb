"""Tables in HTML, as web applications and "Excel" exports write them."""

from __future__ import annotations

import bisect
import html
import re

import numpy as np

from collectors.content.digits import Bytes, Ints
from collectors.content.groups import Groups
from collectors.content.keyed import key_before

_TAG = re.compile(rb"<(table|tr|td|th)\b[^<>]{0,400}>", re.IGNORECASE)
_MARKUP = re.compile(rb"<[^<>]{0,400}>")
_LONGEST_CELL = 200
_MOST_CELLS = 500_000
"""In one block; a table with more is read as if it had no names."""


class Markup:
    """Counts cells since the row's begin; the first row of a table, or its ``<th>``, has names."""

    format = "html"

    def __init__(self) -> None:
        self.groups = Groups()
        self._names: list[str] = []
        self._row: list[str] = []
        """Texts of the cells of the row so far; empty for one that holds a number."""
        self._first = True
        self._all_heads = False

    def assign(self, data: bytes, block: Bytes, starts: Ints) -> Ints:  # noqa: ARG002 - Layout
        """See `collectors.content.groups.Layout`."""
        places, names = [-1], [""]
        tags = list(_TAG.finditer(data))
        for index, tag in enumerate(tags[:_MOST_CELLS]):
            kind = tag.group(1).lower()
            if kind in (b"table", b"tr"):
                self._end_row(table=kind == b"table")
                continue
            end = tags[index + 1].start() if index + 1 < len(tags) else len(data)
            text = _text(data[tag.end() : min(end, tag.end() + _LONGEST_CELL)])
            places.append(tag.end())
            names.append(self._name())
            self._all_heads = kind == b"th" and (self._all_heads or not self._row)
            self._row.append(text)
        numbers = []
        for start in starts.tolist():
            name = names[bisect.bisect_right(places, start) - 1] or key_before(data, start)
            numbers.append(self.groups.number(name))
        return np.array(numbers, np.int64)

    def _name(self) -> str:
        """Return the name of the cell that begins now."""
        column = len(self._row)
        if column < len(self._names) and self._names[column]:
            return self._names[column]
        # A table of two columns, or three with a colon: the name stands in the same row.
        before = [text for text in self._row if text and text != ":"]
        return before[-1] if before and not self._names else ""

    def _end_row(self, *, table: bool) -> None:
        names = [text for text in self._row if text and text != ":"]
        if self._row and (self._all_heads or (self._first and len(names) == len(self._row) > 2)):
            self._names = self._row
        self._first = table or (self._first and not self._row)
        if table:
            self._names = []
        self._row, self._all_heads = [], False


def _text(cell: bytes) -> str:
    text = html.unescape(_MARKUP.sub(b" ", cell).decode("utf-8", "replace")).strip()
    return "" if sum(char.isdigit() for char in text) >= 5 else text
