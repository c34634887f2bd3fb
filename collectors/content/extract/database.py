"""SQLite files, read page by page (https://sqlite.org/fileformat2.html).

Not by the SQLite library: hostile database files have been a way into it more than once, a
child without a file system cannot open one by name, and a copy in memory would bound the size. A
reader in Python cannot be overrun, needs one page at a time, and a damaged page costs that page.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from collectors.content.extract.budget import Budget, damaged
from collectors.content.extract.source import Source

MAGIC = b"SQLite format 3\0"
_LONGEST = 256 << 10
"""Bytes of one row that are read; a row with a longer value is cut."""
_LONGEST_VALUE = 64 << 10
_MOST_COLUMNS = 400
_MOST_TABLES = 2000
_ROWS = 500
"""Rows in one piece."""
_BLANKS = bytes.maketrans(b"\t\r\n\0", b"    ")
_FLOAT = struct.Struct(">d")
_SIZES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
_ENCODINGS = {2: "utf-16-le", 3: "utf-16-be"}
_ROWID = re.compile(r"(?i)\bINTEGER\s+PRIMARY\s+KEY\b")
_NO_COLUMN = re.compile(r"(?i)(?:CONSTRAINT|PRIMARY|UNIQUE|CHECK|FOREIGN)\b")
_NAME = re.compile(r"""\s*(?:"((?:[^"]|"")+)"|`([^`]+)`|\[([^\]]+)\]|([^\s,()"'`\[]+))""")


class Table(NamedTuple):
    """One table, as the schema tells it."""

    name: str
    root: int
    columns: tuple[str, ...]
    rowid: int
    """Column that is the row's number itself, or -1."""


class Database:
    """One file."""

    def __init__(self, source: Source, budget: Budget) -> None:
        """Read the header.

        Raises:
            PartError: it makes no sense.
        """
        self._source = source
        self._budget = budget
        head = source.read(0, 100)
        size = int.from_bytes(head[16:18], "big")
        self._page_size = 65536 if size == 1 else size
        if len(head) < 100 or self._page_size < 512 or self._page_size & (self._page_size - 1):
            raise damaged("database header")
        self._usable = self._page_size - head[20]
        if self._usable < 480:
            raise damaged("database header")
        self._pages = -(-source.size // self._page_size)
        self._encoding = _ENCODINGS.get(head[59], "")
        self.whole = True
        """False when a page made no sense and was left out."""

    def tables(self) -> Iterator[Table]:
        """Yield the tables that hold rows."""
        for number, (values, _) in enumerate(self._rows(1)):
            if number >= _MOST_TABLES:
                self._budget.cut = True
                return
            if len(values) < 5 or values[0] != b"table" or not values[3].isdigit():
                continue
            columns, rowid = columns_of(values[4].decode("utf-8", "replace"))
            name = values[1].decode("utf-8", "replace")
            yield Table(name, int(values[3][:12]), columns, rowid)

    def lines(self, table: Table) -> Iterator[bytes]:
        """Yield the rows of *table* as lines with tabs, the names of the columns first."""
        names = "\t".join(name.translate(str.maketrans("\t\r\n", "   ")) for name in table.columns)
        ready = [names.encode("utf-8", "replace")]
        for values, rowid in self._rows(table.root):
            if 0 <= table.rowid < len(values) and not values[table.rowid]:
                values[table.rowid] = b"%d" % rowid
            ready.append(b"\t".join(values))
            if len(ready) >= _ROWS:
                yield self._piece(ready)
                ready = []
        yield self._piece(ready)

    def _piece(self, ready: list[bytes]) -> bytes:
        piece = b"\n".join(ready) + b"\n" if ready else b""
        self._budget.spend(len(piece))
        return piece

    def _page(self, number: int) -> bytes:
        return self._source.read((number - 1) * self._page_size, self._page_size)

    def _rows(self, root: int) -> Iterator[tuple[list[bytes], int]]:
        seen: set[int] = set()
        waiting = [root]
        while waiting:
            number = waiting.pop()
            if number in seen or not 1 <= number <= self._pages:
                self.whole = False
                continue
            seen.add(number)
            self._budget.check_time()
            page = self._page(number)
            at = 100 if number == 1 else 0
            try:
                kind, count = page[at], int.from_bytes(page[at + 3 : at + 5], "big")
                header = 12 if kind in (2, 5) else 8
                if kind not in (2, 5, 10, 13) or len(page) < at + header + 2 * count:
                    raise IndexError
                cells = struct.unpack_from(f">{count}H", page, at + header)
            except IndexError:
                self.whole = False
                continue
            if kind in (2, 5):
                waiting += self._children(page, at, cells)
            if kind != 5:
                yield from self._records(page, cells, kind)

    @staticmethod
    def _children(page: bytes, at: int, cells: tuple[int, ...]) -> list[int]:
        last = int.from_bytes(page[at + 8 : at + 12], "big")
        rest = [int.from_bytes(page[cell : cell + 4], "big") for cell in cells]
        return [last, *reversed(rest)]  # taken from the end: in the order of the rows

    def _records(
        self, page: bytes, cells: tuple[int, ...], kind: int
    ) -> Iterator[tuple[list[bytes], int]]:
        for cell in cells:
            try:
                at = cell + 4 if kind == 2 else cell
                size, at = _varint(page, at)
                rowid = 0
                if kind == 13:
                    rowid, at = _varint(page, at)
                record = self._payload(page, at, size, table=kind == 13)
                values = self._values(record)
            except (IndexError, struct.error):
                self.whole = False
                continue
            yield values, rowid - (1 << 64) if rowid >= 1 << 63 else rowid

    def _payload(self, page: bytes, at: int, size: int, *, table: bool) -> bytes:
        usable = self._usable
        most = usable - 35 if table else (usable - 12) * 64 // 255 - 23
        if size <= most:
            return page[at : at + size]
        least = (usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (usable - 4)
        local = local if local <= most else least
        parts = [page[at : at + local]]
        following = int.from_bytes(page[at + local : at + local + 4], "big")
        left = min(size, _LONGEST) - local
        if size > _LONGEST:
            self._budget.cut = True
        while left > 0 and 1 <= following <= self._pages:  # each turn takes some: it ends
            more = self._page(following)
            parts.append(more[4 : 4 + min(left, usable - 4)])
            left -= usable - 4
            following = int.from_bytes(more[:4], "big")
        if left > 0:
            self.whole = False
        return b"".join(parts)

    def _values(self, record: bytes) -> list[bytes]:
        end, at = _varint(record, 0)
        place = end
        values: list[bytes] = []
        while at < end and len(values) < _MOST_COLUMNS:
            kind = record[at]
            if kind < 0x80:
                at += 1
            else:
                kind, at = _varint(record, at)
            if kind >= 12:
                length = (kind - 12) // 2
                value = record[place : place + min(length, _LONGEST_VALUE)]
                place += length
                if self._encoding and kind & 1:
                    value = value.decode(self._encoding, "replace").encode("utf-8", "replace")
                values.append(value.translate(_BLANKS))
            elif kind in (8, 9):
                values.append(b"1" if kind == 9 else b"0")
            elif kind == 0:
                values.append(b"")
            else:
                length = _SIZES[kind]  # IndexError for 10 and 11, which are reserved
                raw = record[place : place + length]
                place += length
                if kind == 7:
                    values.append(repr(_FLOAT.unpack(raw)[0]).encode())
                else:
                    values.append(b"%d" % int.from_bytes(raw, "big", signed=True))
        return values


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for _ in range(8):
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    return value << 8 | data[at], at + 1


def columns_of(statement: str) -> tuple[tuple[str, ...], int]:
    """Return the columns of ``CREATE TABLE``, and which one is the row's number (-1: none)."""
    begin = statement.find("(")
    names: list[str] = []
    rowid = -1
    for part in _parts(statement[begin + 1 : begin + 65536]) if begin >= 0 else ():
        match = _NAME.match(part)
        if match is None or _NO_COLUMN.match(part.strip()):
            continue
        if _ROWID.search(part) and not re.search(r"(?i)WITHOUT\s+ROWID", statement[-40:]):
            rowid = len(names)
        names.append(match.group(match.lastindex or 0).replace('""', '"')[:100])
        if len(names) >= _MOST_COLUMNS:
            break
    return tuple(names), rowid


def _parts(text: str) -> Iterator[str]:
    depth = begin = 0
    for match in re.finditer(r"[(),]", text):
        char = match.group()
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        if depth < 0 or (depth == 0 and char == ","):
            yield text[begin : match.start()]
            begin = match.end()
        if depth < 0:
            return
    yield text[begin:]
