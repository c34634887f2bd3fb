"""Bent files: whatever happens, there is an answer with a named outcome, in bounded time."""

from __future__ import annotations

import functools
import gzip
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from collectors.content.extract import archive_zip, kinds, mail
from collectors.content.extract.archive_tar import members
from collectors.content.extract.budget import Budget, PartError
from collectors.content.extract.database import Database
from collectors.content.extract.office_sheet import column_of, plain
from collectors.content.extract.source import BytesSource, Stream
from collectors.content.extract.squeeze import Frames
from tests.collectors.content.citizens import make_niks
from tests.collectors.content.extract import builders
from tests.collectors.content.scanning import scan

NIKS = make_niks(12)
ROWS = [("no", "nik"), *((str(at), nik) for at, nik in enumerate(NIKS))]
CSV = "\n".join(",".join(row) for row in ROWS).encode()
OUTCOMES = {
    *("clean", "found", "sampled", "too_large", "timed_out", "encrypted", "unreadable"),
    *("damaged", "unsupported"),
}


@functools.cache
def database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return builders.make_database(
            Path(folder, "x.db"),
            ["CREATE TABLE w (no TEXT, nik TEXT)", "CREATE TABLE v (a PRIMARY KEY) WITHOUT ROWID"],
            {"w": [(no, nik + "x" * 900) for no, nik in ROWS], "v": [(nik,) for nik in NIKS]},
        )


WHOLE: dict[str, Callable[[], bytes]] = {
    "zip": lambda: builders.make_zip({"a.csv": CSV, "b.csv": CSV}),
    "lzma": lambda: builders.make_zip({"a.csv": CSV}, zipfile.ZIP_LZMA),
    "tar": lambda: builders.make_tar({"a.csv": CSV, "b" * 150: CSV}),
    "gzip": lambda: gzip.compress(CSV),
    "docx": lambda: builders.make_docx(["x"], ROWS),
    "xlsx": lambda: builders.make_xlsx({"W": ROWS}),
    "ods": lambda: builders.make_ods(ROWS),
    "pdf": lambda: builders.make_pdf([[f"NIK {nik}" for nik in NIKS]]),
    "xls": lambda: builders.make_xls(ROWS),
    "sqlite": database,
    "eml": lambda: builders.make_mail("halo", {"a.csv": CSV, "b.zip": b"PK\3\4"}),
}

# Made once, outside of strategies: a mail's boundary is drawn at random.
BUILT = {name: make() for name, make in sorted(WHOLE.items())}


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    data = bytearray(BUILT[draw(st.sampled_from(sorted(BUILT)))])
    for _ in range(draw(st.integers(0, 8))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data)))
        data[at:at] = draw(st.binary(max_size=64))
    return bytes(data)


@given(bent())
def test_a_bent_file_has_a_named_outcome(data: bytes) -> None:
    result = scan(data, "x", seconds=5.0)
    assert result.outcome in OUTCOMES
    assert result.scanned < 1 << 20
    assert all(unread.outcome in OUTCOMES for unread in result.unread)
    if result.outcome == "clean":
        assert result.unread == ()


def consume(data: bytes, read: Callable[[Budget], object]) -> None:
    budget = Budget(5.0)
    try:
        read(budget)
    except PartError:
        assert data is not None


@given(st.binary(max_size=3000))
def test_readers_take_any_bytes(noise: bytes) -> None:
    """Only `PartError` comes out of them, and they end."""
    heads = (b"", b"PK\3\4", b"SQLite format 3\0\x10\0\1\1\0", b"From: a\nTo: b\nDate: c\n")
    for head in heads:
        data = head + noise
        kinds.kind_of(data)
        source = BytesSource(data)
        archive = archive_zip.Zip(source, Budget(5.0))
        for entry in archive.entries():
            consume(data, lambda _, a=archive, e=entry: list(a.pieces(e)))  # type: ignore[misc]
        consume(data, lambda budget, d=data: list(members(Stream(iter([d])), budget)))  # type: ignore[misc]
        consume(data, lambda budget, d=data: _all_mail(d, budget))  # type: ignore[misc]
        consume(data, lambda budget, s=source: _all_rows(s, budget))  # type: ignore[misc]
        Frames().feed(data)


def _all_mail(data: bytes, budget: Budget) -> None:
    for part in mail.parts(Stream(iter([data])), budget):
        for _ in part.pieces:
            pass


def _all_rows(source: BytesSource, budget: Budget) -> None:
    base = Database(source, budget)
    for table in base.tables():
        for _ in base.lines(table):
            pass


@given(st.integers(10, 10**18))
def test_numbers_of_sheets_are_written_out(number: int) -> None:
    text = str(number)
    exponent = f"{text[0]}.{text[1:].rstrip('0') or '0'}E+{len(text) - 1}"
    assert plain(exponent) == text
    assert plain(text) == text
    assert column_of("AB12") == 27
    assert column_of("12") == -1
