"""Text of PDF files, by PDFium when it is installed (extra ``documents``)."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from collectors.content.extract.budget import Budget, PartError, damaged
from collectors.content.extract.source import Source, SourceFile
from collectors.content.result import ENCRYPTED, UNSUPPORTED

PAGE_END = b"\n\f"
"""Stands after each page: the scanner counts pages by it."""
_MOST_PAGES = 20_000
_MOST_CHARACTERS = 2_000_000
"""Of one page; a page of a book has 3,000."""


def pages(source: Source, budget: Budget) -> Iterator[bytes]:
    """Yield the text of each page.

    Raises:
        PartError: PDFium is not installed, a password is needed, or the file is damaged.
    """
    try:
        import pypdfium2  # type: ignore[import-untyped]
    except ImportError as error:
        raise PartError(UNSUPPORTED, "PDF text needs pypdfium2, which is not installed") from error
    try:
        document = pypdfium2.PdfDocument(SourceFile(source))
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise PartError(ENCRYPTED, "PDF with a password") from error
        raise damaged("PDF") from error
    try:
        bad = yield from _texts(document, budget, pypdfium2.PdfiumError)
    finally:
        document.close()
    if bad:
        raise damaged(f"{bad} pages of the PDF")


def _texts(document: Any, budget: Budget, error: type[Exception]) -> Generator[bytes, None, int]:
    bad = 0
    count = len(document)
    if count > _MOST_PAGES:
        budget.cut = True
    for number in range(min(count, _MOST_PAGES)):
        budget.check_time()
        try:
            text = _text(document, number)
        except error:
            bad += 1
            text = ""
        data = text.encode("utf-8", "replace") + PAGE_END
        budget.spend(len(data))
        yield data
    return bad


def _text(document: Any, number: int) -> str:
    page = document[number]
    try:
        content = page.get_textpage()
        try:
            count = content.count_chars()
            return str(content.get_text_range(0, min(count, _MOST_CHARACTERS))) if count else ""
        finally:
            content.close()
    finally:
        page.close()
