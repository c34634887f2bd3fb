"""Containers: first what must not come of them, then that every value in them is counted once."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from collectors.content.result import (
    CLEAN,
    DAMAGED,
    ENCRYPTED,
    FOUND,
    TOO_LARGE,
    UNSUPPORTED,
)
from tests.collectors.content.citizens import leaks, make_niks
from tests.collectors.content.extract import builders
from tests.collectors.content.scanning import answer, scan

NIKS = make_niks(60)
ROWS = [("No", "Nama", "NIK"), *((str(at), "Siti", nik) for at, nik in enumerate(NIKS, 1))]
TITLED = [("DAFTAR WARGA",), ("Kecamatan Jelutung",), (), *ROWS]
CSV = "\n".join(",".join(row) for row in ROWS).encode() + b"\n"
SQL = (
    "INSERT INTO `w` (`id`, `nik`) VALUES "
    + ",".join(f"({at},'{nik}')" for at, nik in enumerate(NIKS))
    + ";\n"
).encode()
MYSQL = b"""-- MySQL dump 10.19
DROP TABLE IF EXISTS `warga`;
CREATE TABLE `warga` (
  `id` int(11) NOT NULL,
  `nik` varchar(16) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB;
INSERT INTO `warga` VALUES """ + SQL.partition(b"VALUES ")[2]
COPY = (
    b"-- PostgreSQL database dump\nCOPY public.warga (id, nama, nik) FROM stdin;\n"
    + b"".join(b"%d\tSiti\t%s\n" % (at, nik.encode()) for at, nik in enumerate(NIKS))
    + b"\\.\n"
)
LINES = [f"NIK : {nik}" for nik in NIKS]


def zstd(data: bytes) -> bytes:
    return zstandard.compress(data)


CONTAINERS: dict[str, Callable[[], bytes]] = {
    "zip": lambda: builders.make_zip({"data/warga.csv": CSV, "baca.txt": b"tidak ada"}),
    "zip stored": lambda: builders.make_zip({"warga.csv": CSV}, zipfile.ZIP_STORED),
    "zip bzip2": lambda: builders.make_zip({"warga.csv": CSV}, zipfile.ZIP_BZIP2),
    "zip lzma": lambda: builders.make_zip({"warga.csv": CSV}, zipfile.ZIP_LZMA),
    "tar": lambda: builders.make_tar({"warga.csv": CSV, "leer": b""}),
    "tar pax": lambda: builders.make_tar({"d" * 200 + "/w.csv": CSV}, tarfile.PAX_FORMAT),
    "tar long name": lambda: builders.make_tar({"d" * 200 + "/w.csv": CSV}),
    "sql.gz": lambda: gzip.compress(SQL),
    "sql.gz twice": lambda: gzip.compress(SQL[:1000]) + gzip.compress(SQL[1000:]),
    "sql.bz2": lambda: bz2.compress(SQL),
    "sql.xz": lambda: lzma.compress(SQL),
    "sql.zst": lambda: zstd(SQL),
    "mysql.sql.gz": lambda: gzip.compress(MYSQL),
    "mysql.sql in zip": lambda: builders.make_zip({"backup/db.sql": MYSQL}),
    "pg.sql.gz": lambda: gzip.compress(COPY),
    "pg.sql.zst": lambda: zstd(COPY),
    # pg_dump -Fd: a table of contents, and the rows of each table without their columns' names
    "pg directory in tar": lambda: builders.make_tar(
        {"db/toc.txt": b"x", "db/2953.dat.gz": gzip.compress(COPY.split(b"\n", 2)[2])}
    ),
    "tar.gz": lambda: gzip.compress(builders.make_tar({"a/b.sql": SQL})),
    "tar.zst": lambda: zstd(builders.make_tar({"a/b.sql": SQL})),
    "docx table": lambda: builders.make_docx(["Daftar warga"], ROWS),
    "docx lines": lambda: builders.make_docx(LINES),
    "pptx": lambda: builders.make_pptx(LINES),
    "xlsx": lambda: builders.make_xlsx({"Warga": TITLED}),
    "xlsx inline": lambda: builders.make_xlsx({"Warga": TITLED}, shared=False),
    "ods": lambda: builders.make_ods(ROWS),
    "odt": lambda: builders.make_odt(LINES),
    "xls": lambda: builders.make_xls(TITLED),
    "zip with xls": lambda: builders.make_zip({"w.xls": builders.make_xls(ROWS)}),
    "pdf": lambda: builders.make_pdf([["Sampul"], LINES[:30], LINES[30:]]),
    "eml": lambda: builders.make_mail("Terlampir.", {"warga.csv": CSV}),
    "eml with xlsx": lambda: builders.make_mail("x", {"w.xlsx": builders.make_xlsx({"W": ROWS})}),
    "zip in tar.gz": lambda: gzip.compress(
        builders.make_tar({"a.zip": builders.make_zip({"w.xlsx": builders.make_xlsx({"W": ROWS})})})
    ),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_value_is_counted_once_and_its_place_is_told(name: str) -> None:
    result = scan(CONTAINERS[name](), name.replace(" ", "."))
    # Addresses of a mail count beside the numbers in it.
    (tally,) = (one for one in result.tallies if one.type != "email")
    assert (tally.type, tally.count, tally.distinct, tally.exact) == ("nik", 60, 60, True)
    assert result.outcome == FOUND
    assert result.sha256 is not None
    assert result.unread == ()
    (part,) = (one for one in result.parts if one.types == ("nik",))
    assert part.count == 60
    assert part.offset is not None


@pytest.mark.parametrize(
    ("name", "path", "row", "page"),
    [
        ("zip", "data/warga.csv", 2, None),
        ("xlsx", "Warga", 4, None),
        ("pdf", None, None, 2),
        ("zip with xls", "w.xls > Warga", 2, None),
        ("sql.gz", None, 1, None),
        ("zip in tar.gz", "a.zip > w.xlsx > W", 2, None),
        ("eml", "part 3 warga.csv", 2, None),
    ],
)
def test_where(name: str, path: str | None, row: int | None, page: int | None) -> None:
    part = scan(CONTAINERS[name](), name).parts[0]
    assert (part.path, part.row, part.page) == (path, row, page)


def test_values_of_several_members_are_one_finding() -> None:
    """The same citizen in two files is one distinct value with one token."""
    members = {f"{number}.csv": CSV for number in range(40)}
    members["kunci.env"] = b"DB_PASSWORD=Rah4s14-Jambi\n"
    result = scan(builders.make_zip(members))
    counts = {tally.type: (tally.count, tally.distinct) for tally in result.tallies}
    assert counts == {"nik": (2400, 60), "password": (1, 1)}
    assert len(result.parts) == 20
    assert result.parts[0].count == 60


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings_inside(encoding: str) -> None:
    text = CSV.decode().replace("Siti", "Siti Ren\u00e9e \u2013 A")
    result = scan(builders.make_zip({"w.csv": text.encode(encoding)}))
    assert [tally.count for tally in result.tallies] == [60]
    groups = [f"{nik[:6]}\u00a0{nik[6:12]}\u00a0{nik[12:]}" for nik in NIKS]
    blanks = "\n".join(f"NIK:\u00a0{group} \u00e9" for group in groups)
    assert [tally.count for tally in scan(blanks.encode("cp1252")).tallies] == [60]


def test_databases(tmp_path: Path) -> None:
    """Columns by name; numbers stored as integers; one that is the row's own number."""
    statements = [
        "CREATE TABLE warga (id INTEGER PRIMARY KEY, nama TEXT, nik TEXT, catatan TEXT)",
        "CREATE TABLE angka (nik INTEGER PRIMARY KEY, x)",
        "CREATE TABLE luar (no_kk TEXT PRIMARY KEY, x) WITHOUT ROWID",
        "CREATE TABLE pesanan (order_id TEXT)",
        "CREATE INDEX i ON warga (nik)",
    ]
    kks = [f"{nik[:6]}{at % 28 + 1:02d}0119{at + 1:04d}" for at, nik in enumerate(NIKS)]
    rows: dict[str, builders.Rows] = {
        "warga": [(str(at), "x", nik, "y" * 9000) for at, nik in enumerate(NIKS, 1)],
        "angka": [(nik, "x") for nik in NIKS],
        "luar": [(kk, "z") for kk in kks],
        "pesanan": [(nik,) for nik in NIKS],
    }
    data = builders.make_database(tmp_path / "x.db", statements, rows)
    result = scan(data, "x.db")
    counts = {tally.type: (tally.count, tally.distinct) for tally in result.tallies}
    assert counts == {"nik": (120, 60), "kk": (60, 60)}
    assert {(part.path, part.format) for part in result.parts} == {
        ("warga", "sqlite"),
        ("angka", "sqlite"),
        ("luar", "sqlite"),
    }
    assert result.outcome == FOUND


def circular(data: bytes) -> bytes:
    """Let the last sector of the workbook in the compound file *data* point to its first."""
    table = data.rindex(b"\1\0\0\0\2\0\0\0")
    end = data.index(b"\xfe\xff\xff\xff", table)
    return data[:end] + bytes(4) + data[end + 4 :]


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), UNSUPPORTED),
        (b"Rar!\x1a\x07\x01" + bytes(100), UNSUPPORTED),
        (b"PGDMP" + bytes(100), UNSUPPORTED),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4000), UNSUPPORTED),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            ENCRYPTED,
        ),
        (builders.make_odf("text", "<x/>", encrypted=True), ENCRYPTED),
        (builders.make_xls(ROWS, encrypted=True), ENCRYPTED),
        (builders.make_zip({"w.xls": builders.make_xls(ROWS, encrypted=True)}), ENCRYPTED),
        (builders.make_ole({"EncryptedPackage": b"x"}), ENCRYPTED),
        (builders.make_ole({"WordDocument": b"x"}), UNSUPPORTED),
        (builders.make_ole({"Workbook": b"x"}), DAMAGED),
        (circular(builders.make_xls(ROWS)), DAMAGED),
        (builders.make_pdf([["x"]], encrypt=builders.ENCRYPTED), ENCRYPTED),
        (b"PK\x03\x04" + bytes(100), DAMAGED),
        (b"%PDF-1.7\n" + b"x" * 300, DAMAGED),
        (b"SQLite format 3\0" + b"\xff" * 200, DAMAGED),
        (builders.make_zip({"x.txt": b"bersih"}), CLEAN),
        (builders.make_xlsx({"a": [("x", "y")]}), CLEAN),
        (builders.make_zip({}), CLEAN),
    ],
)
def test_outcomes(data: bytes, outcome: str) -> None:
    result = scan(data, "x")
    assert result.tallies == ()
    assert result.outcome == outcome
    assert [unread.outcome for unread in result.unread] == ([] if outcome == CLEAN else [outcome])


def encrypted_zip() -> bytes:
    data = bytearray(builders.make_zip({"a.csv": CSV, "b.csv": CSV}))
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + flags] |= 1
    return bytes(data)


def test_one_part_that_cannot_be_read_hides_no_other() -> None:
    result = scan(encrypted_zip())
    assert result.outcome == ENCRYPTED
    assert [(one.outcome, one.count, one.path) for one in result.unread] == [
        (ENCRYPTED, 1, "a.csv")
    ]
    (tally,) = result.tallies
    assert (tally.count, tally.exact) == (60, False)


@pytest.mark.parametrize("name", ["sql.gz", "sql.bz2", "sql.xz", "sql.zst", "tar", "tar.gz", "zip"])
def test_what_ends_too_early_is_damaged_and_its_begin_is_counted(name: str) -> None:
    whole = make_niks(30_000, seed=9)
    rows = "nik,x\n" + "".join(f"{nik},x\n" for nik in whole)
    data = {
        "sql.gz": lambda: gzip.compress(rows.encode()),
        "sql.bz2": lambda: bz2.compress(rows.encode(), 1),
        "sql.xz": lambda: lzma.compress(rows.encode()),
        "sql.zst": lambda: zstd(rows.encode()),
        "tar": lambda: builders.make_tar({"w.csv": rows.encode()}),
        "tar.gz": lambda: gzip.compress(builders.make_tar({"w.csv": rows.encode()})),
        "zip": lambda: builders.make_zip({"w.csv": rows.encode()}),
    }[name]()
    result = scan(data[: len(data) * 2 // 3])
    assert result.outcome == DAMAGED
    (tally,) = result.tallies
    assert 5_000 < tally.count < 30_000
    assert not tally.exact


def test_lying_headers_are_damaged() -> None:
    """Sizes and checksums are compared with what came out."""
    data = bytearray(builders.make_zip({"a.csv": CSV}))
    central = data.index(b"PK\x01\x02")
    data[central + 24] ^= 0xFF  # uncompressed size
    assert scan(bytes(data)).outcome == DAMAGED
    data[central + 24] ^= 0xFF
    data[central + 16] ^= 0xFF  # checksum
    assert scan(bytes(data)).outcome == DAMAGED
    tar = bytearray(builders.make_tar({"a": b"x"}))
    tar[512 + 124 : 512 + 136] = b"77777777777\0"
    header = bytes(tar[512:1024])
    total = sum(header[:148]) + 8 * 32 + sum(header[156:])
    tar[512 + 148 : 512 + 156] = b"%06o\0 " % total
    assert scan(bytes(tar)).outcome == DAMAGED


def test_names_are_never_paths_and_are_scrubbed() -> None:
    """Nothing is written; a member named after a citizen does not carry the number out."""
    nik = NIKS[0]
    names = ["../../etc/cron.d/x", "/etc/passwd", f"ktp-{nik}.csv", "a\nb\x1b[31m\u202e.csv"]
    data = builders.make_zip(dict.fromkeys(names, CSV))
    result = scan(data)
    assert {str(part.path) for part in result.parts} >= {"../../etc/cron.d/x", "/etc/passwd"}
    assert all(str(part.path).isprintable() for part in result.parts)
    raw = answer(data)
    # Tokens are keyed noise in which any six digits stand now and then by chance.
    told = re.sub(rb"[0-9a-f]{32,64}", b"", raw)
    assert not any(leaks(one, told) for one in NIKS)


def bomb(depth: int, fan: int) -> bytes:
    """Like 42.zip: zips in zips, zeros at the bottom."""
    data = builders.make_zip({"0": bytes(64 << 20)})
    for _ in range(depth):
        data = builders.make_zip({f"{number}.zip": data for number in range(fan)})
    return data


def test_nested_bombs_are_bounded() -> None:
    result = scan(bomb(4, 16), seconds=2.0)
    assert result.outcome in (TOO_LARGE, "timed_out")
    assert result.tallies == ()


def test_depth_is_bounded() -> None:
    data = CSV
    for _ in range(12):
        data = gzip.compress(data)
    result = scan(data)
    assert result.outcome == TOO_LARGE
    assert "containers in each other" in str(result.unread[0].detail)


def test_overlapping_members_are_refused() -> None:
    """Many entries that share one compressed body (Fifield 2019)."""
    one = builders.make_zip({"a.csv": CSV, "b.csv": CSV})
    first = one.index(b"PK\x01\x02")
    size = int.from_bytes(one[first + 20 : first + 24], "little") + 5000
    result = scan(one[: first + 20] + size.to_bytes(4, "little") + one[first + 24 :])
    assert result.outcome == DAMAGED
    assert "overlap" in str(result.unread[0].detail)
    assert [tally.count for tally in result.tallies] == [60], "the other one is read"


def test_documents_with_a_dtd_are_refused() -> None:
    """A billion laughs are not expanded; nor is a file of the host taken in."""
    laughs = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
    result = scan(builders.make_zip({"word/document.xml": laughs}))
    assert result.outcome == DAMAGED
    assert "document type" in str(result.unread[0].detail)


def test_sheet_references_do_not_multiply() -> None:
    """One long string, named by a hundred thousand cells."""
    long = "x" * 30_000
    cells = '<c t="s"><v>0</v></c>' * 200
    rows = f"<row>{cells}</row>" * 5000
    data = builders.make_zip(
        {
            "xl/workbook.xml": b"<w/>",
            "xl/sharedStrings.xml": f"<sst><si><t>{long}</t></si></sst>".encode(),
            "xl/worksheets/sheet1.xml": f"<s>{rows}</s>".encode(),
        }
    )
    result = scan(data, seconds=2.0)
    assert result.outcome in (TOO_LARGE, "timed_out", "sampled")
    assert result.tallies == ()


def test_binary_sheets_need_calamine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the outcome says so."""
    import sys

    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    assert scan(builders.make_pdf([LINES]), "x.pdf").outcome == UNSUPPORTED
    xlsb = builders.make_zip({"xl/workbook.bin": b"x"})
    assert scan(xlsb, "x.xlsb").outcome == UNSUPPORTED
