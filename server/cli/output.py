"""Rows and records to stdout as table, json, jsonl or csv. rich is loaded only for a terminal."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.cli import safe, times

FORMATS = ("table", "json", "jsonl", "csv")
Row = Mapping[str, Any]

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
        elif self._rich():
            self._rich_table(rows, columns)
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
        if not (self.color and style in codes and sys.stdout.isatty()):
            return text
        return f"\x1b[{codes[style]}m{text}\x1b[0m"

    def _rich(self) -> bool:
        return sys.stdout.isatty() and os.environ.get("TERM", "") != "dumb"

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def _rich_table(self, rows: Sequence[Row], columns: Sequence[Column]) -> None:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(
                Text(column.heading), justify="right" if column.right else "left", overflow="fold"
            )
        for row in rows:
            style = LEVEL_STYLES.get(str(row.get("level")), "")
            # Text, not str: markup such as [red] in a file name must stay what it is.
            table.add_row(
                *(
                    Text(column.cell(row), style=style if column.key == "level" else "")
                    for column in columns
                )
            )
        console = Console(no_color=not self.color, markup=False, highlight=False, emoji=False)
        console.print(table)


def remark(*lines: str) -> None:
    """Write lines of chatter to stderr; an empty one is not written."""
    for line in lines:
        if line:
            sys.stderr.write(safe.display(line) + "\n")


def plain_table(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    """Return rows as aligned text. Pure."""
    cells = [[column.heading for column in columns]]
    cells += [[column.cell(row) for column in columns] for row in rows]
    widths = [max(_width(line[index]) for line in cells) for index in range(len(columns))]
    return "".join(_aligned(line, widths, columns) + "\n" for line in cells)


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
