"""Making a register from a table, once, where the data lives. The table is read, never copied."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import numpy as np

from signatures.edm.form import Header, Section, aligned, head, new_tag, start_of
from signatures.edm.scalar import value_key
from signatures.edm.values import NUMBERS, encode, forms, pair_hash, pair_key
from signatures.edm.vector import Hashes, hash_numbers
from signatures.edm.xor import Filter, build

_SAMPLE = 64 << 10
_DIGITS = 6
"""Digits from which on a title is taken for a value."""
_TITLES = frozenset((*NUMBERS, "nama", "name", "alamat", "address", "lahir", "kelamin", "lgkp"))
"""Words of which a line of titles has one; the line of a person has none."""


class BadTable(ValueError):  # noqa: N818 - named for what it is
    """The table or its columns cannot be used; ``str()`` says why, without any value."""


class Columns(NamedTuple):
    """Which columns are read."""

    numbers: Mapping[str, str]
    """Type of number to column; at least one."""
    others: Sequence[str]
    """Columns that confirm: a name, a date of birth."""


class Made(NamedTuple):
    """What was made of a table."""

    header: Header
    size: int
    """Bytes."""
    seconds: float


def parse_columns(words: Sequence[str]) -> Columns:
    """Read ``nik=NIK``, ``nama=NAMA_LGKP``: a type of number or any other word, and the column.

    Raises:
        BadTable: a word has another form, or there is no number.
    """
    numbers: dict[str, str] = {}
    others: list[str] = []
    for word in words:
        name, _, column = word.partition("=")
        if not name or not column:
            raise BadTable("a column is TYPE=COLUMN, such as nik=NIK or nama=NAMA_LGKP")
        if name.lower() in NUMBERS:
            numbers[name.lower()] = column
        else:
            others.append(column)
    if not numbers:
        raise BadTable(f"name a column with numbers: one of {', '.join(NUMBERS)}")
    return Columns(numbers, others)


def rows_of(path: Path, columns: Columns, table: str | None) -> Iterator[Sequence[str]]:
    """Yield the wanted columns of each row, numbers first, of a CSV file or SQLite database.

    Raises:
        BadTable: a column or table is not there, or the file is neither.
        OSError, sqlite3.Error: it cannot be read.
    """
    wanted = [*columns.numbers.values(), *columns.others]
    with path.open("rb") as file:
        magic = file.read(16)
    if magic == b"SQLite format 3\0":
        return _of_database(path, wanted, table)
    return _of_text(path, wanted)


def _of_database(path: Path, wanted: list[str], table: str | None) -> Iterator[Sequence[str]]:
    # Read only: not even a journal is written beside the data.
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        # SQLite quotes a text that is not UTF-8 in its error message.
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        names = [
            str(row[0])
            for row in connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
            )
        ]
        chosen = table or (names[0] if len(names) == 1 else "")
        if chosen not in names:
            raise BadTable(f"say which table with --table: {', '.join(names)}")
        known = [str(row[1]) for row in connection.execute(f"PRAGMA table_info({_quoted(chosen)})")]
        places = _positions(known, wanted, named=True)
        picked = ", ".join(_quoted(known[index]) for index in places)
        sql = f"SELECT {picked} FROM {_quoted(chosen)}"  # noqa: S608 - names of the database itself
        for row in connection.execute(sql):
            yield [_text(value) for value in row]


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _positions(known: Sequence[str], wanted: Sequence[str], *, named: bool = False) -> list[int]:
    places = {name.strip().lower(): index for index, name in reversed(list(enumerate(known)))}
    missing = [name for name in wanted if name.lower() not in places]
    if missing:
        # A table without a header would show its first person here.
        valued = any(sum(char.isdigit() for char in name) >= _DIGITS for name in known)
        titled = any(_TITLES & set(re.split(r"[\W_]+", name.lower())) for name in known)
        there = (
            f"there are: {', '.join(known)[:500]}"
            if named or (titled and not valued)
            else "the first line holds no names of columns that are known"
        )
        raise BadTable(f"there is no column {', '.join(missing)}; {there}")
    return [places[name.lower()] for name in wanted]


def _of_text(path: Path, wanted: list[str]) -> Iterator[Sequence[str]]:
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
        encoding = _encoding(sample)
        file.seek(0)
        text = io.TextIOWrapper(file, encoding, errors="replace", newline="")
        header = sample.decode(encoding, "replace").split("\n", 1)[0]
        delimiter = max(",;\t|", key=header.count)
        reader = csv.reader(text, delimiter=delimiter)
        try:
            places = _positions(next(reader, []), wanted)
            for row in reader:
                yield [row[place] if place < len(row) else "" for place in places]
        except csv.Error as error:
            raise BadTable(f"line {reader.line_num} is not CSV: {error}") from error


def _encoding(sample: bytes) -> str:
    if sample[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        sample[: -4 or None].decode("utf-8-sig")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


class _Gathered:
    """The hashes of one type of number."""

    def __init__(self) -> None:
        self.numbers = array("Q")
        self.pairs = array("Q")

    def add(self, value: int, others: Sequence[str], key: bytes) -> None:
        self.numbers.append(value)
        for other in others:
            for folded in forms(other):
                self.pairs.append(pair_hash(key, value, folded))


def make(
    rows: Iterator[Sequence[str]], columns: Columns, fleet_key: bytes, epoch: int, out: BinaryIO
) -> Made:
    """Write the register of *rows* (as `rows_of` yields them) to *out*.

    Raises:
        BadTable: no row holds a valid number.
        OSError: it cannot be written.
    """
    began = time.monotonic()
    types = list(columns.numbers)
    gathered = {type_: _Gathered() for type_ in types}
    key = pair_key(fleet_key)
    count = left_out = 0
    for row in rows:
        count += 1
        others = row[len(types) :]
        valid = 0
        for type_, text in zip(types, row, strict=False):
            value = encode(type_, text)
            if value is not None:
                valid += 1
                gathered[type_].add(value, others, key)
        left_out += not valid
    first = np.unique(np.array(gathered[types[0]].numbers, np.uint64))
    if not any(len(one.numbers) for one in gathered.values()):
        raise BadTable(f"none of {count} rows has a valid number in {', '.join(types)}")
    filters = list(_filters(gathered, fleet_key))
    header = _header(filters, epoch, count, len(first), left_out)
    size = _write(out, header, filters, fleet_key)
    return Made(header, size, time.monotonic() - began)


def _filters(
    gathered: Mapping[str, _Gathered], fleet_key: bytes
) -> Iterator[tuple[str, bool, int, Filter]]:
    for type_, one in gathered.items():
        numbers: Hashes = np.array(one.numbers, np.uint64)
        hashes = np.unique(hash_numbers(value_key(fleet_key, type_), np.unique(numbers)))
        if len(hashes):
            yield type_, False, len(hashes), build(hashes)
        pairs: Hashes = np.unique(np.array(one.pairs, np.uint64))
        if len(pairs):
            yield type_, True, len(pairs), build(pairs)


def _header(
    filters: Sequence[tuple[str, bool, int, Filter]],
    epoch: int,
    rows: int,
    people: int,
    left_out: int,
) -> Header:
    def header(start: int) -> Header:
        sections = []
        for type_, pairs, entries, one in filters:
            sections.append(
                Section(
                    type=type_,
                    pairs=pairs,
                    entries=entries,
                    seed=one.seed,
                    block=one.block,
                    offset=start,
                )
            )
            start = aligned(start + one.cells.nbytes)
        return Header(
            epoch=epoch,
            made=time.time_ns(),
            rows=rows,
            people=people,
            left_out=left_out,
            sections=tuple(sections),
        )

    # Offsets are part of the header, whose length they change: a kilobyte is room for all.
    return header(_ROOM)


_ROOM = 4096


def _write(
    out: BinaryIO,
    header: Header,
    filters: Sequence[tuple[str, bool, int, Filter]],
    fleet_key: bytes,
) -> int:
    tag = new_tag(fleet_key)
    size = 0

    def put(data: bytes) -> None:
        nonlocal size
        tag.update(data)
        out.write(data)
        size += len(data)

    encoded = msgspec.msgpack.encode(header)
    if start_of(encoded) > _ROOM:
        raise BadTable("too many columns")
    put(head(encoded).ljust(_ROOM, b"\0"))
    for _, _, _, one in filters:
        put(one.cells.astype("<u4").tobytes())
        put(b"\0" * (aligned(size) - size))
    out.write(tag.digest())
    return size + 32
