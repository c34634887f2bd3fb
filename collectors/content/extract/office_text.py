"""Text documents and slides (OOXML, ODF) as simple HTML: paragraphs are lines, tables stay tables.

So the scanner's reader of tables finds the name of a column, and a number that a text program has
cut into runs is whole again.
"""

from __future__ import annotations

_TABLES = {"tbl": "<table>", "table": "<table>", "tr": "<tr>", "table-row": "<tr>"}
_CELLS = frozenset({"tc", "table-cell"})
_LINES = frozenset({"p", "h"})
_RUNS = frozenset({"t", "delText", "instrText"})
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "line-break": "\n", "s": " ", "noBreakHyphen": "-"}


class TextSink:
    """See `collectors.content.extract.markup_xml.Sink`."""

    def __init__(self, *, open_document: bool) -> None:
        """*open_document*: text stands in paragraphs themselves; else in runs."""
        self.out: list[str] = []
        self._holders = _LINES if open_document else _RUNS
        self._inside = 0
        self._tables = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 - Sink
        """See `Sink`."""
        if name in self._holders:
            self._inside += 1
        elif name in _TABLES:
            self._tables += name in ("tbl", "table")
            self.out.append(_TABLES[name])
        elif name in _CELLS:
            self.out.append("<td>")
        elif name in _BREAKS:
            self.out.append(_BREAKS[name])

    def end(self, name: str) -> None:
        """See `Sink`."""
        if name in self._holders:
            self._inside -= 1
        if name in _LINES:
            self.out.append(" " if self._tables else "\n")
        elif name in ("tbl", "table") and self._tables:
            self._tables -= 1
            # A cell without a name: what follows belongs to no column.
            self.out.append("\n<table><tr><td>\n")
        elif name in ("tr", "table-row"):
            self.out.append("\n")

    def data(self, text: str) -> None:
        """See `Sink`."""
        if self._inside > 0:
            self.out.append(text.replace("<", " "))
