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
_MOST_CELLS = 200_000
"""In one block; those after it have no names."""


class Markup:
    """Counts cells since the row's begin; the first row of a table, or its ``<th>``, has names."""

    format = "html"

    def __init__(self) -> None:
        self.groups = Groups()
        self._names: list[str] = []
        self._row: list[str] = []
        """Texts of the cells of the row so far; empty for one that holds a number."""
        self._before = ""
        """Last text in the row so far."""
        self._first = True
        self._all_heads = False
        self._read = False
        self._places: list[int] = []
        self._cells: list[str] = []
        """Name of the cell that begins at each place."""

    def begin(self, data: bytes) -> None:  # noqa: ARG002 - Layout
        """See `collectors.content.groups.Layout`; read only when a number asks."""
        self._read = False

    def assign(self, data: bytes, block: Bytes, starts: Ints) -> Ints:  # noqa: ARG002 - Layout
        """See `collectors.content.groups.Layout`."""
        if not self._read:
            self._read = True
            self._places, self._cells = [-1], [""]
            self._parse(data)
        numbers = []
        for start in starts.tolist():
            name = self._cells[bisect.bisect_right(self._places, start) - 1]
            numbers.append(self.groups.number(name or key_before(data, start)))
        return np.array(numbers, np.int64)

    def _parse(self, data: bytes) -> None:
        tags = _TAG.finditer(data)
        tag = next(tags, None)
        while tag is not None and len(self._places) < _MOST_CELLS:
            following = next(tags, None)
            kind = tag.group(1).lower()
            if kind in (b"table", b"tr"):
                self._end_row(table=kind == b"table")
            else:
                end = following.start() if following else len(data)
                self._places.append(tag.end())
                self._cells.append(self._name())
                self._all_heads = kind == b"th" and (self._all_heads or not self._row)
                text = _text(data[tag.end() : min(end, tag.end() + _LONGEST_CELL)])
                self._row.append(text)
                self._before = text if text and text != ":" else self._before
            tag = following

    def _name(self) -> str:
        """Return the name of the cell that begins now."""
        column = len(self._row)
        if column < len(self._names) and self._names[column]:
            return self._names[column]
        # A table of two columns, or three with a colon: the name stands in the same row.
        return "" if self._names else self._before

    def _end_row(self, *, table: bool) -> None:
        names = [text for text in self._row if text and text != ":"]
        if self._row and (self._all_heads or (self._first and len(names) == len(self._row) > 2)):
            self._names = self._row
        self._first = table or (self._first and not self._row)
        if table:
            self._names = []
        self._row, self._before, self._all_heads = [], "", False


def _text(cell: bytes) -> str:
    text = html.unescape(_MARKUP.sub(b" ", cell).decode("utf-8", "replace")).strip()
    return "" if sum(char.isdigit() for char in text) >= 5 else text
