"""A streaming XML reader without DTDs: what declares entities is refused, not expanded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from xml.parsers import expat

from collectors.content.extract.budget import Budget, damaged

_DEEPEST = 256


class Sink(Protocol):
    """Takes what the parser sees; names come without their namespace."""

    out: list[str]
    """Text that is ready; emptied after each piece."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def data(self, text: str) -> None:
        """Text."""


def read_xml(pieces: Iterator[bytes], sink: Sink, budget: Budget) -> Iterator[bytes]:
    """Yield what *sink* makes of the document, in UTF-8.

    Raises:
        PartError: it is not well-formed, declares a document type, or nests too deep.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise damaged("XML nests too deep")
        sink.start(name.rpartition(":")[2], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        sink.end(name.rpartition(":")[2])

    def doctype(*_: object) -> None:
        raise damaged("XML declares a document type")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = sink.data
    parser.StartDoctypeDeclHandler = doctype
    try:
        for piece in pieces:
            # Small enough that what one call makes out of it is bounded.
            for begin in range(0, len(piece), 1 << 16):
                parser.Parse(piece[begin : begin + (1 << 16)], False)
                yield from _flush(sink, budget)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        yield from _flush(sink, budget)
        raise damaged("XML is not well-formed") from error
    yield from _flush(sink, budget)


def _flush(sink: Sink, budget: Budget) -> Iterator[bytes]:
    if sink.out:
        text = "".join(sink.out).encode("utf-8", "replace")
        sink.out.clear()
        budget.spend(len(text))
        yield text


def attribute(attributes: dict[str, str], name: str) -> str:
    """Return the attribute *name* whatever its prefix, or an empty string."""
    value = attributes.get(name)
    if value is not None:
        return value
    for key, value in attributes.items():
        if key.rpartition(":")[2] == name:
            return value
    return ""
