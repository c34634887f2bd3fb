"""Formats: what is no citizen's number first, then counts and columns."""

from __future__ import annotations

import gzip
import json
import random

import pytest

from collectors.content.result import CLEAN, DAMAGED, SAMPLED, TOO_LARGE
from tests.collectors.content.citizens import make_niks, with_check_digit
from tests.collectors.content.scanning import found, scan

NIKS = make_niks(200)
SOURCE = random.Random(7)
NUMBERS = [str(SOURCE.randrange(10**15, 10**16)) for _ in range(20_000)]
KKS = [f"{nik[:6]}{SOURCE.randint(1, 28):02d}0119{index + 1:04d}" for index, nik in enumerate(NIKS)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"tidak ada\n",
        "\n".join(NUMBERS).encode(),
        ("id,no_transaksi\n" + "\n".join(f"{i},{nik}" for i, nik in enumerate(NIKS))).encode(),
        ("id;order_id\n" + "\n".join(f"{i};{n}" for i, n in enumerate(NUMBERS))).encode(),
        ("nik\n" + "\n".join(NUMBERS)).encode(),
        b"nomor 1571014512900001 saja",
        b"".join(b"%d%s9" % (index, nik.encode()) for index, nik in enumerate(NIKS)),
        b"DB_PASSWORD=\nDB_PASSWORD=null\nAPP_KEY=\nMAIL_PASSWORD=${SECRET}\n",
        b"'password' => env('DB_PASSWORD', '')",
        b"$link->connect(DB_HOST, DB_USER,\n\tDB_PASS, DB_NAME, DB_PORT);\n(DB_PASS, DB_NAME)\n",
        b"see mysql://user:password@host/db and http://user:pass@example.com/",
        b"-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
        bytes(range(256)) * 5000,
        SOURCE.randbytes(3_000_000),
    ],
)
def test_clean(data: bytes) -> None:
    result = scan(data)
    assert result.tallies == ()
    assert result.outcome == CLEAN


def sql_rows(separator: str) -> str:
    return separator.join(
        f"({index},'O\\'Neil, (S.Kom)','{nik}','{kk}')"
        for index, (nik, kk) in enumerate(zip(NIKS, KKS, strict=True))
    )


DOCUMENTS = {
    "mysqldump": "CREATE TABLE `warga` (\n `id` int(11) NOT NULL,\n `nama` varchar(9),\n"
    " `nik` varchar(16),\n `no_kk` char(16),\n PRIMARY KEY (`id`)\n);\n"
    f"INSERT INTO `warga` VALUES {sql_rows(',')};\n",
    "phpmyadmin": "INSERT INTO `warga` (`id`, `nama`, `nik`, `no_kk`) VALUES\n"
    f"{sql_rows(',' + chr(10))};\n",
    "single inserts": "".join(
        f"INSERT INTO warga (id, nama, nik, no_kk) VALUES ({index}, 'x', '{nik}', '{kk}');\n"
        for index, (nik, kk) in enumerate(zip(NIKS, KKS, strict=True))
    ),
    "pg copy": "COPY public.warga (id, nik, no_kk) FROM stdin;\n"
    + "".join(f"{i}\t{nik}\t{kk}\n" for i, (nik, kk) in enumerate(zip(NIKS, KKS, strict=True)))
    + "\\.\n",
    "csv": "no,Nama,NIK,No. KK\n"
    + "".join(
        f'{i},"Siti, S.Pd","{nik}",{kk}\n'
        for i, (nik, kk) in enumerate(zip(NIKS, KKS, strict=True))
    ),
    "tsv": "nik\tno_kk\n" + "".join(f"{nik}\t{kk}\n" for nik, kk in zip(NIKS, KKS, strict=True)),
    "json": json.dumps([{"nik": nik, "noKk": kk} for nik, kk in zip(NIKS, KKS, strict=True)]),
    "jsonl": "\n".join(
        json.dumps({"nik": nik, "nomor_kk": kk}) for nik, kk in zip(NIKS, KKS, strict=True)
    ),
    "xml": "<data>"
    + "".join(
        f"<w><nik>{nik}</nik><no_kk>{kk}</no_kk></w>" for nik, kk in zip(NIKS, KKS, strict=True)
    )
    + "</data>",
    "key value": "".join(f"NIK : {nik}\nNo KK : {kk}\n" for nik, kk in zip(NIKS, KKS, strict=True)),
    "dashes": "nik;no_kk\n"
    + "".join(
        f"{nik[:6]}-{nik[6:12]}-{nik[12:]};{kk[:4]} {kk[4:8]} {kk[8:12]} {kk[12:]}\n"
        for nik, kk in zip(NIKS, KKS, strict=True)
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("encode", ["utf-8", "utf-16", "utf-16-le", "gzip"])
def test_both_columns_are_counted(name: str, encode: str) -> None:
    text = DOCUMENTS[name]
    data = gzip.compress(text.encode()) if encode == "gzip" else text.encode(encode)
    result = scan(data)
    counts = {tally.type: (tally.count, tally.distinct, tally.exact) for tally in result.tallies}
    assert counts == {"nik": (200, 200, True), "kk": (200, 200, True)}
    assert all(tally.confidence > 0.9 and tally.column for tally in result.tallies)
    assert all(len(tally.tokens) == 64 for tally in result.tallies)


def test_a_column_without_a_name_is_told_by_its_population() -> None:
    assert found("\n".join(NIKS).encode()) == {"nik": 200}


def test_a_name_next_to_a_number_is_no_column() -> None:
    (tally,) = scan(b"NIK Budi Santoso 1571014512900001\n").tallies
    assert tally.column == "nik"
    (tally,) = scan(b"nik_ibu,nama\n1571014512900001,x\n").tallies
    assert tally.column == "nik_ibu"


def test_other_identifiers() -> None:
    nips = "".join(f"1985{m:02d}152010{m:02d}1{m:03d},x\n" for m in range(1, 13))
    assert found(b"nip,nama\n" + nips.encode()) == {"nip": 12}
    assert found(b"Kartu kredit: 4539148803436467\n") == {"card": 1}
    check = with_check_digit("01345678")[-1]
    text = f"Wajib pajak 01.345.678.{check}-331.000 terdaftar\n"
    assert found(text.encode()) == {"npwp": 1}
    assert found(text.replace(".", " ").encode()) == {}


def test_credentials() -> None:
    key = "".join(SOURCE.choice("ABCDEFGHabcdefgh0123456789+/") for _ in range(640))
    lines = "\n".join(key[start : start + 64] for start in range(0, 640, 64))
    pem = f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----\n"
    app = "base64:" + key[:43] + "="
    env = (
        f"APP_KEY={app}\nDB_PASSWORD=Rah4s14-Jambi\nDATABASE_URL=pgsql://simpeg:k4taS4ndi@10.0.0.3/x\n"
        f"define('DB_PASSWORD', 'Lain$Kata1');\n"
    )
    assert found((env + pem).encode()) == {
        "private_key": 1,
        "dsn": 1,
        "app_key": 1,
        "password": 2,
    }


def test_a_large_file_is_sampled_and_says_so() -> None:
    row = "".join(f"{index},{nik}\n" for index, nik in enumerate(NIKS))
    data = ("id,nik\n" + row * (40_000_000 // len(row))).encode()
    result = scan(data)
    assert result.outcome == SAMPLED
    assert result.sha256 is None
    (tally,) = result.tallies
    assert not tally.exact
    assert tally.distinct == 200
    rows = data.count(b"\n") - 1
    assert tally.count < rows
    assert tally.about is not None
    assert abs(tally.about - rows) < 0.01 * rows
    assert result.scanned < len(data)


def test_below_the_limit_counting_is_exact() -> None:
    niks = make_niks(6000, seed=3)
    row = "".join(f"({index},'{nik}'),\n" for index, nik in enumerate(niks))
    times = 30_000_000 // len(row)
    data = ("INSERT INTO t (id, nik) VALUES\n" + row * times).encode()
    result = scan(data)
    (tally,) = result.tallies
    assert (tally.count, tally.exact) == (6000 * times, True)
    assert abs(tally.distinct - 6000) < 600


def test_a_damaged_archive_is_not_clean() -> None:
    data = gzip.compress("\n".join(NIKS).encode())
    assert scan(data[: len(data) // 2]).outcome == DAMAGED


def test_a_compression_bomb_is_bounded() -> None:
    data = gzip.compress(bytes(200_000_000))
    result = scan(data)
    assert result.outcome == TOO_LARGE
    assert result.scanned < 40_000_000


def test_statements_are_followed_over_blocks_once() -> None:
    """A block with several written forms, and one without any number, keep their columns."""
    filler = "INSERT INTO `catatan` (`isi`) VALUES ('" + "lorem ipsum " * 300_000 + "');\n"
    head = "CREATE TABLE `w` (\n `order_id` varchar(20),\n `nik` char(16)\n);\n"
    rows = ",\n".join(f"('{nik}','{nik}')" for nik in NIKS * 600)
    dotted = ",\n".join(f"('{nik[:6]}.{nik[6:12]}.{nik[12:]}','x')" for nik in NIKS * 300)
    tail = "INSERT INTO `lain` (`nik`, `kk`) VALUES ('a','b');\n"
    text = head + filler + f"INSERT INTO `w` VALUES {rows},\n{dotted};\n" + tail * 3
    assert found(text.encode(), "x.sql") == {"nik": len(NIKS) * 600}
