"""From a table to a register: mistakes are named, no value is told or left in the file."""

from __future__ import annotations

import csv
import io
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from signatures.edm.build import BadTable, Columns, make, parse_columns, rows_of
from signatures.edm.lookup import Lookup
from signatures.edm.scalar import value_key
from signatures.edm.values import fold, pair_hash, pair_key
from signatures.edm.vector import hash_numbers
from tests.collectors.content.citizens import make_niks

KEY = b"k" * 32
PEOPLE = [(nik, f"Warga Ke {number}", "1980-02-03") for number, nik in enumerate(make_niks(300))]


@pytest.mark.parametrize("words", [["nik"], ["=x"], ["nik="], ["nama=NAMA"], []])
def test_columns_that_cannot_be(words: list[str]) -> None:
    with pytest.raises(BadTable):
        parse_columns(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "no column NIK"),
        ("", "no column NIK"),
        ("1571010101900001,Budi\n", "the first line holds no names"),
        ("Budi Setiawan,Jl Mawar No 3,L\n", "the first line holds no names"),
        ("ID,NAMA LENGKAP\n1,Budi\n", "there are: ID, NAMA LENGKAP"),
        ("NIK,NAMA\n12345,Budi\n", "none of 1 rows"),
        ("NIK,NAMA\n", "none of 0 rows"),
    ],
)
def test_tables_that_cannot_be(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    columns = parse_columns(["nik=NIK", "nama=NAMA"])
    with pytest.raises(BadTable, match=words) as caught:
        make(rows_of(path, columns, None), columns, KEY, 1, io.BytesIO())
    assert "Budi" not in str(caught.value)
    assert "12345" not in str(caught.value)
    assert "1571010101900001" not in str(caught.value)


def write(path: Path, form: str) -> None:
    """Put the people into a table."""
    if form == "sqlite":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute('CREATE TABLE "ke pendudukan" (NAMA, NIK INTEGER, LAHIR)')
            connection.execute("CREATE TABLE other (x)")
            connection.executemany(
                'INSERT INTO "ke pendudukan" VALUES (?, ?, ?)',
                [(name, int(nik), born) for nik, name, born in PEOPLE],
            )
        return
    encoding, delimiter = form.split()
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["no", "nik", "Nama", "lahir"])
        writer.writerows([n, nik, name, born] for n, (nik, name, born) in enumerate(PEOPLE))


@pytest.mark.parametrize("form", ["utf-8 ,", "utf-8-sig ;", "utf-16 ;", "cp1252 |", "sqlite"])
def test_everybody_is_found_again_and_nobody_stands_in_the_file(tmp_path: Path, form: str) -> None:
    path = tmp_path / "people"
    write(path, form)
    before = path.read_bytes()
    columns = parse_columns(["NIK=NIK", "nama=nama", "tgl=LAHIR"])
    table = "ke pendudukan" if form == "sqlite" else None
    register = tmp_path / "r.edm"
    with register.open("wb") as out:
        made = make(rows_of(path, columns, table), columns, KEY, 1, out)
    assert made.size == register.stat().st_size
    assert (made.header.people, made.header.left_out) == (300, 0)
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["people", "r.edm"]
    data = register.read_bytes()
    for nik, name, _ in PEOPLE:
        assert nik.encode() not in data
        assert name.encode() not in data
        assert int(nik).to_bytes(8, "little") not in data
    descriptor = os.open(register, os.O_RDONLY)
    try:
        lookup = Lookup(descriptor)
    finally:
        os.close(descriptor)
    numbers = np.array([int(nik) for nik, _, _ in PEOPLE], np.uint64)
    hashes = hash_numbers(value_key(KEY, "nik"), numbers)
    assert lookup.contains("nik", hashes).all()
    assert not lookup.contains("nik", hash_numbers(value_key(KEY, "nik"), numbers + 1)).any()
    assert not lookup.contains("nik", hash_numbers(value_key(b"x" * 32, "nik"), numbers)).any()
    assert not lookup.contains("phone", hashes).any()
    key = pair_key(KEY)
    (first, name, _), (second, _, _) = PEOPLE[:2]
    assert lookup.confirms("nik", [pair_hash(key, int(first), fold(name.upper()))])
    assert lookup.confirms("nik", [1, 2, pair_hash(key, int(first), "03021980")])
    assert not lookup.confirms("nik", [pair_hash(key, int(second), fold(name))])
    assert not lookup.confirms("nik", [])


def test_sqlite_wants_a_table_when_there_are_several(tmp_path: Path) -> None:
    write(tmp_path / "p", "sqlite")
    columns = Columns({"nik": "NIK"}, [])
    with pytest.raises(BadTable, match="--table: ke pendudukan, other"):
        next(rows_of(tmp_path / "p", columns, None))
    with pytest.raises(BadTable, match="no column NIK"):
        next(rows_of(tmp_path / "p", columns, "other"))


def test_rows_without_a_valid_number_are_counted() -> None:
    rows = iter([[PEOPLE[0][0]], ["x"], [""], [PEOPLE[0][0]]])
    made = make(rows, Columns({"nik": "nik"}, []), KEY, 1, io.BytesIO())
    assert (made.header.rows, made.header.people, made.header.left_out) == (4, 1, 2)
    assert [one.pairs for one in made.header.sections] == [False]


def test_a_name_that_is_not_utf_8_is_told_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (NIK, NAMA)")
        for nik, _, _ in PEOPLE[:3]:
            row = (nik, b"Warga Jos\xe9 Rahasia")
            connection.execute("INSERT INTO t VALUES (?, CAST(? AS TEXT))", row)
    columns = parse_columns(["nik=NIK", "nama=NAMA"])
    made = make(rows_of(path, columns, None), columns, KEY, 1, io.BytesIO())
    assert (made.header.people, made.header.left_out) == (3, 0)


def test_a_name_that_was_stored_as_bytes_is_the_same_name(tmp_path: Path) -> None:
    made = []
    for number, name in enumerate(("Warga Jambi", b"Warga Jambi")):
        path = tmp_path / f"{number}.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE t (NIK, NAMA)")
            connection.execute("INSERT INTO t VALUES (?, ?)", (PEOPLE[0][0], name))
        made.append(list(rows_of(path, parse_columns(["nik=NIK", "nama=NAMA"]), None)))
    assert made[0] == made[1] == [[PEOPLE[0][0], "Warga Jambi"]]
