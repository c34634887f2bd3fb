"""Rows and records to stdout as table, json, jsonl or csv."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.cli import safe, times

FORMATS = ("table", "json", "jsonl", "csv")
Row = Mapping[str, Any]

_SHORT = 12
LEVEL_STYLES = {
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "cyan",
    "informational": "dim",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table; ``key`` is also its name in csv."""

    key: str
    heading: str
    show: Callable[[Any], str] | None = None
    """How a table shows the value; None means plain text."""
    right: bool = False
    """Numbers stand to the right."""

    def cell(self, row: Row) -> str:
        """Return the text of this column in *row*, safe for a terminal."""
        value = row.get(self.key)
        return safe.display(self.show(value) if self.show else plain(value))


def plain(value: object) -> str:
    """Return *value* as people read it in a cell; not yet escaped."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={plain(item)}" for key, item in value.items())
    return str(value)


def diff_lines(value: object) -> list[str]:
    """Return the lines of a difference between two texts, each safe for a terminal."""
    return [safe.display(line) for line in value.split("\n")] if isinstance(value, str) else []


def short(value: object) -> str:
    """Return the beginning of a hash; `ronda files where` takes 8 characters and more."""
    return plain(value)[:_SHORT]


def when(value: object) -> str:
    """Return an ISO time as local time; empty for None."""
    return times.local(value) if isinstance(value, str) else plain(value)


class Output:
    """Writes data to stdout, remarks to stderr, in the format that the user chose."""

    def __init__(self, form: str = "table", *, color: bool = True) -> None:
        self.form = form
        self.color = color and not os.environ.get("NO_COLOR")

    def rows(self, rows: Sequence[Row], columns: Sequence[Column], empty: str = "") -> None:
        """Write a list. *empty* is the remark for a table without rows."""
        if self.form == "json":
            self._write(_json(list(rows), indent=2) + "\n")
        elif self.form == "jsonl":
            self._write("".join(_json(row) + "\n" for row in rows))
        elif self.form == "csv":
            self._write(_csv_head(columns) + "".join(_csv_row(row, columns) for row in rows))
        elif not rows:
            remark(empty)
        elif sys.stdout.isatty():
            self._write(self._screen_table(rows, columns))
        else:
            self._write(plain_table(rows, columns))

    def record(self, record: Row, text: Callable[[], str]) -> None:
        """Write one object; *text* makes its form for people, already safe."""
        if self.form == "json":
            self._write(_json(record, indent=2) + "\n")
        elif self.form == "jsonl":
            self._write(_json(record) + "\n")
        elif self.form == "csv":
            columns = [Column(key=key, heading=key) for key in record]
            self._write(_csv_head(columns) + _csv_row(record, columns))
        else:
            self._write(text())

    def stream(
        self, rows: Iterable[Row], columns: Sequence[Column], line: Callable[[Row], str]
    ) -> None:
        """Write rows as they come, each at once; json as jsonl, for a list would have no end."""
        if self.form == "csv":
            self._write(_csv_head(columns))
        for row in rows:
            if self.form == "csv":
                self._write(_csv_row(row, columns))
            elif self.form == "table":
                self._write(line(row) + "\n")
            else:
                self._write(_json(row) + "\n")

    def two_part(self, begin: str, title: str, entity: str) -> str:
        """Return one line, or two or three where a terminal would break it. Texts are safe."""
        what = f"{title}: {entity}"
        width = columns_of_terminal() if sys.stdout.isatty() else sys.maxsize
        if len(begin) + 2 + len(what) <= width:
            return f"{begin}  {what}"
        return (
            f"{begin}\n    {what}"
            if 4 + len(what) <= width
            else f"{begin}\n    {title}\n    {entity}"
        )

    def style(self, text: str, style: str) -> str:
        """Return *text* in the colour of *style* when stdout is a terminal that wants it."""
        codes = {
            "bold red": "1;31",
            "red": "31",
            "yellow": "33",
            "cyan": "36",
            "dim": "2",
            "bold": "1",
        }
        if not (self.color and style in codes and sys.stdout.isatty() and not _dumb()):
            return text
        return f"\x1b[{codes[style]}m{text}\x1b[0m"

    def _screen_table(self, rows: Sequence[Row], columns: Sequence[Column]) -> str:
        """Return rows for this terminal: as wide as it is, the levels in colour."""
        width = columns_of_terminal()
        beside = fitting(rows, columns, width)
        lines = plain_table(rows, beside).splitlines()
        parts = [self.style(lines[0], "bold")]
        for row, line in zip(rows, lines[1:], strict=True):
            level = str(row.get("level"))
            parts.append(line.replace(level, self.style(level, LEVEL_STYLES.get(level, "")), 1))
            parts += below(row, columns[len(beside) :], width)
        return "\n".join(parts) + "\n"

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def _dumb() -> bool:
    return os.environ.get("TERM", "") == "dumb"


def remark(*lines: str) -> None:
    """Write lines of chatter to stderr; an empty one is not written."""
    for line in lines:
        if line:
            sys.stderr.write(safe.display(line) + "\n")


_WIDEST = 120
"""Cells up to which a column is aligned; longer text is whole, but moves only its own row."""


_BARE = 3
"""Columns that may stand below a row without their headings: a title and a path need none."""


def plain_table(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    """Return rows as aligned text. Pure."""
    cells = [[column.heading for column in columns]]
    cells += [[column.cell(row) for column in columns] for row in rows]
    # One path of 4,096 characters must not push the other rows' columns off every screen.
    widths = [
        min(max(_width(line[index]) for line in cells), _WIDEST) for index in range(len(columns))
    ]
    return "".join(_aligned(line, widths, columns) + "\n" for line in cells)


def fitting(rows: Sequence[Row], columns: Sequence[Column], width: int) -> Sequence[Column]:
    """Return the first columns that fit beside each other in *width* cells. Pure."""
    taken = 0
    for index, column in enumerate(columns):
        cells = [column.heading, *(column.cell(row) for row in rows)]
        taken += max(map(_width, cells)) + (2 if index else 0)
        if taken > width and index:
            return columns[:index]
    return columns


def below(row: Row, columns: Sequence[Column], width: int) -> list[str]:
    """Return the lines under a row for *columns* that did not fit; empty ones are left out. Pure.

    Text is not broken: a path or an id that is longer than the screen can still be copied whole.
    More than a few cells carry their headings and share lines, for nobody counts columns.
    """
    cells = [(column.heading, text) for column in columns if (text := column.cell(row))]
    if len(columns) <= _BARE:
        return [f"    {text}" for _, text in cells]
    lines: list[str] = []
    for heading, text in cells:
        cell = f"{heading} {text}"
        if lines and _width(lines[-1]) + 2 + _width(cell) <= width:
            lines[-1] += f"  {cell}"
        else:
            lines.append(f"    {cell}")
    return lines


def columns_of_terminal() -> int:
    """Return the width of the terminal in cells; 80 when it is unknown."""
    return shutil.get_terminal_size((80, 24)).columns


def _aligned(line: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    parts = []
    for text, width, column in zip(line, widths, columns, strict=True):
        space = " " * (width - _width(text))
        parts.append(space + text if column.right else text + space)
    return "  ".join(parts).rstrip()


def _width(text: str) -> int:
    """Return how many terminal cells *text* takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _json(value: object, indent: int | None = None) -> str:
    return safe.json_text(json.dumps(value, ensure_ascii=False, indent=indent))


def _csv_head(columns: Sequence[Column]) -> str:
    return _csv_line([safe.csv_cell(column.key) for column in columns])


def _csv_row(row: Row, columns: Sequence[Column]) -> str:
    return _csv_line([_csv_value(row.get(column.key)) for column in columns])


def _csv_value(value: object) -> str:
    # Numbers are ours and may be negative; only text can carry a formula.
    if isinstance(value, (int, float)):
        return plain(value)
    return safe.csv_cell(plain(value))


def _csv_line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()
