"""Spreadsheets (OOXML, ODF) as lines with tabs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from collectors.content.extract.budget import Budget
from collectors.content.extract.markup_xml import attribute, read_xml

MOST_COLUMNS = 400
_LONGEST = 4096
"""Characters of one cell."""
_MOST_STRINGS = 400_000
_MOST_TEXT = 16 << 20
"""Characters of all shared strings."""
_MOST_REPEATED = 100
_PLACE = re.compile(r"([A-Z]{1,3})[0-9]*\Z")
_EXPONENT = re.compile(r"([0-9])\.?([0-9]*)E\+?([0-9]{1,2})\Z")
_BLANKS = str.maketrans("\t\r\n\x0b\x0c", "     ")


def plain(number: str) -> str:
    """Write a whole number out that a sheet holds as ``1.571014512900001E+15``."""
    match = _EXPONENT.match(number)
    if match is None:
        return number
    first, rest, power = match.groups()
    return first + rest.ljust(int(power), "0") if len(rest) <= int(power) else number


def column_of(place: str) -> int:
    """Return the column of a cell reference such as ``AB12``, from 0; -1 when it is none."""
    match = _PLACE.match(place)
    if match is None:
        return -1
    column = 0
    for letter in match.group(1):
        column = column * 26 + ord(letter) - 64
    return column - 1


class _Row:
    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.cells: list[str] = []

    def put(self, column: int, text: str) -> None:
        if column >= MOST_COLUMNS or len(text) > _LONGEST:
            self._budget.cut = True
        if column < MOST_COLUMNS and text:
            self.cells += [""] * (column + 1 - len(self.cells))
            self.cells[column] = text[:_LONGEST].translate(_BLANKS)

    def take(self) -> str:
        text = "\t".join(self.cells)
        self.cells = []
        return text + "\n" if text else ""


class _Strings:
    """``<si><t>..</t></si>``: the texts of a workbook, by number."""

    def __init__(self, budget: Budget) -> None:
        self.out: list[str] = []
        self.texts: list[str] = []
        self._budget = budget
        self._parts: list[str] = []
        self._inside = False
        self._length = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 - Sink
        """See `Sink`."""
        self._inside = name == "t"

    def end(self, name: str) -> None:
        """See `Sink`."""
        self._inside = False
        if name == "si":
            text = "".join(self._parts)
            self._parts = []
            if len(text) > _LONGEST or self._length > _MOST_TEXT:
                self._budget.cut = True
                text = text[:_LONGEST] if self._length <= _MOST_TEXT else ""
            self._length += len(text)
            if len(self.texts) < _MOST_STRINGS:
                self.texts.append(text)
            else:
                self._budget.cut = True

    def data(self, text: str) -> None:
        """See `Sink`."""
        if self._inside and len(self._parts) < 1000:
            self._parts.append(text[: 2 * _LONGEST])


def shared_strings(pieces: Iterator[bytes], budget: Budget) -> list[str]:
    """Return the shared strings of a workbook.

    Raises:
        PartError: the part is damaged.
    """
    sink = _Strings(budget)
    for _ in read_xml(pieces, sink, budget):
        pass
    return sink.texts


class WorksheetSink:
    """``<row><c r="B2" t="s"><v>7</v></c></row>``. See `markup_xml.Sink`."""

    def __init__(self, strings: Sequence[str], budget: Budget) -> None:
        self.out: list[str] = []
        self._strings = strings
        self._row = _Row(budget)
        self._column = -1
        self._type = ""
        self._parts: list[str] = []
        self._inside = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """See `Sink`."""
        if name == "c":
            told = column_of(attributes.get("r", ""))
            self._column = told if told >= 0 else self._column + 1
            self._type = attributes.get("t", "n")
            self._parts = []
        elif name in ("v", "t"):
            self._inside = True
        elif name == "row":
            self._column = -1

    def end(self, name: str) -> None:
        """See `Sink`."""
        if name in ("v", "t"):
            self._inside = False
        elif name == "c":
            self._row.put(self._column, self._value())
        elif name == "row":
            self.out.append(self._row.take())

    def data(self, text: str) -> None:
        """See `Sink`."""
        if self._inside and len(self._parts) < 1000:
            self._parts.append(text)

    def _value(self) -> str:
        text = "".join(self._parts)
        if self._type == "s":
            index = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
            return self._strings[index] if 0 <= index < len(self._strings) else ""
        return plain(text) if self._type == "n" else text


class TableSink:
    """``table:table-row/table:table-cell/text:p`` of ODF. See `markup_xml.Sink`."""

    def __init__(self, budget: Budget) -> None:
        self.out: list[str] = []
        self._budget = budget
        self._row = _Row(budget)
        self._column = 0
        self._repeat = self._rows = 1
        self._value = ""
        self._parts: list[str] = []
        self._inside = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """See `Sink`."""
        if name == "table-row":
            self._column = 0
            self._rows = _repeated(attributes, "number-rows-repeated")
        elif name in ("table-cell", "covered-table-cell"):
            self._repeat = _repeated(attributes, "number-columns-repeated")
            self._value = ""
            if attribute(attributes, "value-type") == "float":
                self._value = attribute(attributes, "value")
            self._parts = []
        elif name == "p":
            self._inside += 1

    def end(self, name: str) -> None:
        """See `Sink`."""
        if name == "p":
            self._inside -= 1
            self._parts.append(" ")
        elif name in ("table-cell", "covered-table-cell"):
            # The value, not its picture: "1,57E+15" is how a narrow column shows a number.
            text = plain(self._value) or "".join(self._parts).strip()
            if text:
                for column in range(self._column, min(self._column + self._repeat, MOST_COLUMNS)):
                    self._row.put(column, text)
            self._column += self._repeat
        elif name == "table-row":
            line = self._row.take()
            if self._rows > _MOST_REPEATED and line:
                self._budget.cut = True
            self.out += [line] * min(self._rows, _MOST_REPEATED if line else 1)

    def data(self, text: str) -> None:
        """See `Sink`."""
        if self._inside > 0 and len(self._parts) < 1000:
            self._parts.append(text)


def _repeated(attributes: dict[str, str], name: str) -> int:
    told = attribute(attributes, name)
    return int(told) if told.isascii() and told.isdigit() and 0 < len(told) < 9 else 1
