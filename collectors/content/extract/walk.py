"""From a file to its leaves: what is read as text, and what cannot be read and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from collectors.content.extract import (
    archive_tar,
    database,
    kinds,
    legacy,
    mail,
    office,
    pdf,
    squeeze,
)
from collectors.content.extract.archive_zip import Zip
from collectors.content.extract.budget import Budget, Meter, PartError, Stop, damaged
from collectors.content.extract.source import BytesSource, Source, Stream, pieces_of
from collectors.content.result import CRASHED, ENCRYPTED, TOO_LARGE, UNSUPPORTED

TEXT, TABLE, MARKUP, PAGES = "text", "table", "markup", "pages"


class Leaf(NamedTuple):
    """Text, to be read before the next leaf. Reading may raise `PartError` and `OSError`."""

    where: tuple[str, ...]
    """Names inside each container, the outermost first; as they are, not scrubbed."""
    name: str
    """For its extension."""
    kind: str
    """``text`` (anything), ``table`` (lines with tabs), ``markup`` or ``pages``."""
    format: str
    """Of the container around it: ``zip``, ``docx``, ``pdf`` ...; empty for a bare file."""
    pieces: Iterator[bytes]


class Failure(NamedTuple):
    """A part that cannot be read."""

    where: tuple[str, ...]
    outcome: str
    detail: str


Found = Leaf | Failure
_Where = tuple[str, ...]


class Walk:
    """One file, once."""

    def __init__(self, budget: Budget, *, again: bool = False) -> None:
        """*again*: see `collectors.content.result.Request`."""
        self._budget = budget
        self._again = again

    def file(self, source: Source, name: str) -> Iterator[Found]:
        """Yield the leaves of the file *name* (shown, for its extension).

        Raises:
            OSError: reading failed.
            Stop: the budget is spent; what was yielded stands.
        """
        kind = kinds.kind_of(source.read(0, kinds.HEAD))
        if kind in kinds.ANYWHERE:
            yield from self._guarded((), self._anywhere(kind, source, (), name, 1))
        else:
            yield from self._stream(Stream(pieces_of(source)), (), name, "", 0)

    def _guarded(self, where: _Where, found: Iterator[Found]) -> Iterator[Found]:
        """Turn an error of one part into a failure; what stops everything goes on upwards."""
        try:
            yield from found
        except Stop:
            raise
        except PartError as error:
            yield Failure(where, error.outcome, error.detail)

    def _stream(
        self, stream: Stream, where: _Where, name: str, around: str, depth: int
    ) -> Iterator[Found]:
        kind = kinds.kind_of(stream.peek(kinds.HEAD))
        if kind == kinds.PLAIN:
            yield Leaf(where, name, TEXT, around, stream.rest())
        elif kind == kinds.UNREAD:
            yield Failure(where, UNSUPPORTED, "archive of a kind that is not taken apart")
        elif kind != kinds.SKIP:
            yield from self._guarded(where, self._open(kind, stream, where, name, depth + 1))

    def _open(
        self, kind: str, stream: Stream, where: _Where, name: str, depth: int
    ) -> Iterator[Found]:
        self._budget.check_depth(depth)
        if kind in kinds.SQUEEZED:
            inner = Stream(squeeze.unpack(kind, stream, Meter(self._budget)))
            yield from self._stream(inner, where, kinds.inner_name(name), kind, depth)
        elif kind == "tar":
            for member in archive_tar.members(stream, self._budget):
                shown = member.name.decode("utf-8", "surrogateescape")
                inner = Stream(member.part.pieces())
                yield from self._stream(inner, (*where, shown), shown, "tar", depth)
        elif kind == "mail":
            for part in mail.parts(stream, self._budget):
                if part.text:
                    yield Leaf((*where, part.where), "", TEXT, "eml", part.pieces)
                    continue
                inner = Stream(part.pieces)
                yield from self._stream(inner, (*where, part.where), part.name, "eml", depth)
        else:
            yield from self._held(kind, stream, where, name, depth)

    def _held(
        self, kind: str, stream: Stream, where: _Where, name: str, depth: int
    ) -> Iterator[Found]:
        room = self._budget.MOST_HELD - self._budget.held
        data = stream.read(room + 1)
        if len(data) > room:
            raise PartError(TOO_LARGE, f"{kind} inside a container, over {room >> 20} MiB")
        self._budget.held += len(data)
        try:
            yield from self._anywhere(kind, BytesSource(data), where, name, depth)
        finally:
            self._budget.held -= len(data)

    def _anywhere(
        self, kind: str, source: Source, where: _Where, name: str, depth: int
    ) -> Iterator[Found]:
        self._budget.check_depth(depth)
        if self._again and kind in ("pdf", "ole"):
            raise PartError(CRASHED, f"{kind}, left out after a crash of the scanner")
        if kind == "zip":
            yield from self._zip(source, where, depth)
        elif kind == "pdf":
            yield Leaf(where, name, PAGES, "pdf", pdf.pages(source, self._budget))
        elif kind == "sqlite":
            yield from self._database(source, where)
        else:
            yield from self._ole(source, where)

    def _zip(self, source: Source, where: _Where, depth: int) -> Iterator[Found]:
        archive = Zip(source, self._budget)
        kind = office.kind_of(archive)
        if kind == "xlsb" and self._again:
            raise PartError(CRASHED, f"{kind}, left out after a crash of the scanner")
        if kind == "xlsb":
            yield from self._sheets(source, where, kind)
        elif kind:
            yield from self._document(archive, kind, where)
        for entry in archive.entries():
            if kind and not office.is_embedded(entry.name):
                continue
            shown = entry.text()
            inner = Stream(archive.pieces(entry))
            place = (*where, shown)
            yield from self._guarded(place, self._stream(inner, place, shown, kind or "zip", depth))
        if not archive.whole:
            raise damaged("zip directory")

    def _document(self, archive: Zip, kind: str, where: _Where) -> Iterator[Found]:
        for text in office.texts(archive, kind, self._budget):
            form = TABLE if text.table else MARKUP
            yield Leaf((*where, text.where), text.where, form, kind, text.pieces)

    def _database(self, source: Source, where: _Where) -> Iterator[Found]:
        base = database.Database(source, self._budget)
        for table in base.tables():
            self._budget.member()
            yield Leaf((*where, table.name), table.name, TABLE, "sqlite", base.lines(table))
        if not base.whole:
            raise damaged("database pages")

    def _ole(self, source: Source, where: _Where) -> Iterator[Found]:
        kind = legacy.ole_kind(source)
        if kind == "encrypted":
            raise PartError(ENCRYPTED, "document with a password")
        if kind != "xls":
            raise PartError(UNSUPPORTED, "Word or PowerPoint file from before 2007")
        yield from self._sheets(source, where, kind)

    def _sheets(self, source: Source, where: _Where, kind: str) -> Iterator[Found]:
        for sheet in legacy.sheets(source, self._budget):
            yield Leaf((*where, sheet.name), sheet.name, TABLE, kind, sheet.pieces)
