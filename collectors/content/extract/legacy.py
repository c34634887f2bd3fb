"""Old binary office files: sheets by calamine when it is installed (extra ``documents``).

Word and PowerPoint before 2007 are not taken apart: the outcome says so.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from collectors.content.extract.budget import Budget, PartError, damaged
from collectors.content.extract.office_sheet import MOST_COLUMNS
from collectors.content.extract.source import Source, pieces_of
from collectors.content.result import ENCRYPTED, TOO_LARGE, UNSUPPORTED

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MOST = 16 << 20
"""Bytes of a file that calamine may hold in memory, with what it makes of it."""
_ROWS = 500
_WORKBOOK = re.compile(rb"\x09\x08[\x08\x10]\0\0[\x05\x06]\x05\0")
"""The record that a workbook begins with, of Excel 5 to 2003."""
_RECORD = struct.Struct("<HH")
_FILE_PASS = 0x2F
_HEADER = 512
"""Bytes of the header of a compound file."""
_FIRST_RECORDS = 3
"""Only what says that it is to be opened for reading may stand before the one that we look for."""
_MOST_WORKBOOKS = 1000
_BLANKS = str.maketrans("\t\r\n", "   ")


class Sheet(NamedTuple):
    """One sheet."""

    name: str
    pieces: Iterator[bytes]


def ole_kind(source: Source) -> str:
    """Return what an OLE file is by the names of its streams.

    ``xls``, ``encrypted`` (a document of today with a password, MS-OFFCRYPTO 2.3) or ``other``.
    """
    names = {
        "EncryptedPackage".encode("utf-16-le"): "encrypted",
        "Workbook".encode("utf-16-le"): "xls",
        b"B\0o\0o\0k\0\0\0": "xls",
    }
    found: set[str] = set()
    carry = b""
    for piece in pieces_of(source):
        data = carry + piece
        found |= {kind for name, kind in names.items() if name in data}
        carry = data[-40:]
        if "encrypted" in found:
            return "encrypted"
    return "xls" if found else "other"


def sheets(source: Source, budget: Budget) -> Iterator[Sheet]:
    """Yield the sheets of an xls or xlsb file as lines with tabs.

    Raises:
        PartError: calamine is not installed, the file is too large for it, encrypted or damaged.
    """
    try:
        import python_calamine as calamine
    except ImportError as error:
        detail = "binary sheets need python-calamine, which is not installed"
        raise PartError(UNSUPPORTED, detail) from error
    if source.size > _MOST:
        raise PartError(TOO_LARGE, f"binary sheet of more than {_MOST >> 20} MiB")
    data = source.read(0, source.size)
    if data.startswith(MAGIC):
        if has_password(data):
            raise PartError(ENCRYPTED, "sheet with a password")
        if not chains_end(data):
            raise damaged("chain of sectors without an end")
    try:
        with _trouble(calamine.CalamineError):
            book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    except calamine.PasswordError as error:
        raise PartError(ENCRYPTED, "sheet with a password") from error
    if not book.sheet_names:
        raise damaged("binary sheet")
    for name in book.sheet_names:
        budget.member()
        yield Sheet(name, _lines(book, name, budget, calamine.CalamineError))


def chains_end(data: bytes) -> bool:
    """Tell whether no chain of sectors in a compound file runs in a circle (MS-CFB 2.3 to 2.5).

    calamine follows one until its memory is used up.
    """
    if len(data) < _HEADER:
        return True
    shift = int.from_bytes(data[30:32], "little")
    if shift not in (9, 12):
        return True
    size = 1 << shift

    def sector(number: int) -> list[int]:
        raw = data[(number + 1) * size : (number + 2) * size]
        return list(struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) & ~3]))

    most = len(data) // size
    tables = list(struct.unpack("<109I", data[76:_HEADER]))
    following = int.from_bytes(data[68:72], "little")
    for _ in range(most + 1):
        held = sector(following) if following < most else []
        if not held:
            break
        tables += held[:-1]
        following = held[-1]
    else:
        return False
    chains = [entry for number in tables[:most] if number < most for entry in sector(number)]
    if _is_circular(chains):
        return False
    small: list[int] = []
    at = int.from_bytes(data[60:64], "little")
    while at < min(len(chains), most):
        small += sector(at)
        at = chains[at]
    return not _is_circular(small)


def _is_circular(chains: list[int]) -> bool:
    seen = [0] * len(chains)
    for start in range(len(chains)):
        at = start
        while at < len(chains) and not seen[at]:
            seen[at] = start + 1
            at = chains[at]
        if at < len(chains) and seen[at] == start + 1:
            return True
    return False


def has_password(data: bytes) -> bool:
    """Tell whether the records of a workbook before 2007 are encrypted (MS-XLS 2.4.117, FilePass).

    calamine reads what is obfuscated as if it were not, and takes the rest for another format.
    """
    for match in itertools.islice(_WORKBOOK.finditer(data), _MOST_WORKBOOKS):
        at = match.start()
        for _ in range(_FIRST_RECORDS):
            kind, length = _RECORD.unpack(data[at : at + 4].ljust(4, b"\0"))
            if kind == _FILE_PASS:
                return True
            at += 4 + length
    return False


def _lines(book: Any, name: str, budget: Budget, failure: type[Exception]) -> Iterator[bytes]:
    ready: list[str] = []
    with _trouble(failure):
        for row in book.get_sheet_by_name(name).iter_rows():
            if len(row) > MOST_COLUMNS:
                budget.cut = True
            ready.append("\t".join(_shown(value) for value in row[:MOST_COLUMNS]))
            if len(ready) >= _ROWS:
                yield _piece(ready, budget)
                ready = []
        if ready:
            yield _piece(ready, budget)


def _piece(ready: list[str], budget: Budget) -> bytes:
    piece = ("\n".join(ready) + "\n").encode("utf-8", "replace")
    budget.spend(len(piece))
    return piece


def _shown(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e18:
        return str(int(value))
    return str(value).translate(_BLANKS)


@contextlib.contextmanager
def _trouble(failure: type[Exception]) -> Iterator[None]:
    """Turn what calamine raises into `PartError`, without its text, which may hold data."""
    try:
        yield
    except PartError:
        raise
    except (failure, ValueError, OSError) as error:
        if type(error).__name__ == "PasswordError":
            raise
        raise damaged("binary sheet") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Rust: no Exception
            raise
        raise damaged("binary sheet") from None
