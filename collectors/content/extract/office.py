"""Which kind of document a zip is, and the parts of it that hold text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from collectors.content.extract.archive_zip import Entry, Zip
from collectors.content.extract.budget import Budget, PartError
from collectors.content.extract.markup_xml import attribute, read_xml
from collectors.content.extract.office_sheet import TableSink, WorksheetSink, shared_strings
from collectors.content.extract.office_text import TextSink
from collectors.content.result import ENCRYPTED

_MAIN = {
    b"word/document.xml": "docx",
    b"xl/workbook.xml": "xlsx",
    b"xl/workbook.bin": "xlsb",
    b"ppt/presentation.xml": "pptx",
}
_ODF = {b"text": "odt", b"spreadsheet": "ods", b"presentation": "odp", b"graphics": "odt"}
_ODF_TYPE = b"application/vnd.oasis.opendocument."
_NO_TEXT = ("styles", "settings", "theme", "fontTable", "numbering", "webSettings", "Layout")
_KNOWN = 2000
"""Entries that are looked at to tell what a zip is."""


class Text(NamedTuple):
    """A part of a document that holds text."""

    where: str
    pieces: Iterator[bytes]
    table: bool
    """Lines with tabs; else HTML."""


def kind_of(archive: Zip) -> str:
    """Return ``docx``, ``xlsx``, ``xlsb``, ``pptx``, ``odt``, ``ods``, ``odp`` or nothing."""
    for number, entry in enumerate(archive.entries()):
        if entry.name in _MAIN:
            return _MAIN[entry.name]
        if entry.name == b"mimetype" and not entry.encrypted:
            told = _whole(archive, entry, 200)
            if told.startswith(_ODF_TYPE):
                return _ODF.get(told[len(_ODF_TYPE) :].split(b"-")[0].strip(), "")
        if number >= _KNOWN:
            break
    return ""


def texts(archive: Zip, kind: str, budget: Budget) -> Iterator[Text]:
    """Yield the text of a document of *kind*.

    Raises:
        PartError: it is encrypted, or a part that the others need is damaged.
    """
    if kind == "xlsx":
        yield from _workbook(archive, budget)
    elif kind in ("docx", "pptx"):
        for entry in archive.entries():
            if _is_text(entry.name):
                sink = TextSink(open_document=False)
                yield Text(entry.text(), read_xml(archive.pieces(entry), sink, budget), False)
    else:
        yield from _open_document(archive, kind, budget)


def _is_text(name: bytes) -> bool:
    if not name.endswith(b".xml") or b"/_rels/" in name:
        return False
    if not name.startswith((b"word/", b"ppt/slides/", b"ppt/notesSlides/", b"ppt/comments/")):
        return False
    return not any(word.encode() in name for word in _NO_TEXT)


def is_embedded(name: bytes) -> bool:
    """Tell whether a member of a document is a document of its own."""
    return b"/embeddings/" in name or (b"Object" in name and name.endswith(b"content.xml"))


def _open_document(archive: Zip, kind: str, budget: Budget) -> Iterator[Text]:
    content = None
    for entry in archive.entries():
        if entry.name == b"META-INF/manifest.xml" and b"encryption-data" in _whole(
            archive, entry, 256 << 10
        ):
            raise PartError(ENCRYPTED, "document with a password")
        if entry.name == b"content.xml":
            content = entry
    if content is not None:
        table = kind == "ods"
        sink = TableSink(budget) if table else TextSink(open_document=True)
        yield Text("content.xml", read_xml(archive.pieces(content), sink, budget), table)


def _workbook(archive: Zip, budget: Budget) -> Iterator[Text]:
    names: dict[str, str] = {}
    strings: list[str] = []
    sheets: list[Entry] = []
    relations: Entry | None = None
    book: Entry | None = None
    for entry in archive.entries():
        if entry.name == b"xl/sharedStrings.xml":
            strings = shared_strings(archive.pieces(entry), budget)
        elif entry.name == b"xl/workbook.xml":
            book = entry
        elif entry.name == b"xl/_rels/workbook.xml.rels":
            relations = entry
        elif entry.name.startswith((b"xl/worksheets/", b"xl/comments", b"xl/threadedComments")):
            sheets.append(entry)
    if book is not None and relations is not None:
        names = _sheet_names(archive, book, relations, budget)
    for entry in sheets:
        if b"/_rels/" in entry.name or not entry.name.endswith(b".xml"):
            continue
        table = entry.name.startswith(b"xl/worksheets/")
        sink = WorksheetSink(strings, budget) if table else TextSink(open_document=False)
        where = names.get(entry.text().rpartition("/")[2], entry.text())
        yield Text(where, read_xml(archive.pieces(entry), sink, budget), table)


class _Names:
    """Attributes of the elements of one name."""

    def __init__(self, wanted: str, key: str, value: str) -> None:
        self.out: list[str] = []
        self.found: dict[str, str] = {}
        self._wanted = wanted
        self._key = key
        self._value = value

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """See `Sink`."""
        if name == self._wanted and len(self.found) < 1000:
            key = attribute(attributes, self._key)
            self.found[key] = attribute(attributes, self._value)[:300]

    def end(self, name: str) -> None:
        """See `Sink`."""

    def data(self, text: str) -> None:
        """See `Sink`."""


def _sheet_names(archive: Zip, book: Entry, relations: Entry, budget: Budget) -> dict[str, str]:
    """Return file name to the name on the sheet's tab; what is damaged has none."""
    sheets = _Names("sheet", "id", "name")
    targets = _Names("Relationship", "Id", "Target")
    try:
        for entry, sink in ((book, sheets), (relations, targets)):
            for _ in read_xml(archive.pieces(entry), sink, budget):
                pass
    except PartError:
        return {}
    return {
        target.rpartition("/")[2]: sheets.found[key]
        for key, target in targets.found.items()
        if key in sheets.found
    }


def _whole(archive: Zip, entry: Entry, most: int) -> bytes:
    text = b""
    try:
        for piece in archive.pieces(entry):
            text += piece
            if len(text) >= most:
                break
    except PartError:
        return text[:most]
    return text[:most]
