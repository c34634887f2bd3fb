"""Types that need a name: not without it, not for other values under it, and in every format."""

from __future__ import annotations

import json

import pytest

from tests.collectors.content.citizens import make_niks
from tests.collectors.content.scanning import found, scan

NIKS = make_niks(30)
VALUES = {
    "no_bpjs": ("bpjs", [f"00012{at:08d}" for at in range(1, 31)]),
    "nisn": ("nisn", [f"005{at * 7919:07d}" for at in range(1, 31)]),
    "kpj": ("kpj", [f"2001{at * 7919:07d}" for at in range(1, 31)]),
    "no_hp": ("phone", [f"+62 812-3456-{at + 1000}" for at in range(1, 31)]),
    "telepon": ("phone", [f"08123456{at + 1000}" for at in range(1, 31)]),
    "no_sim": ("sim", [f"8503{at * 7919:08d}" for at in range(1, 31)]),
    "nop": ("nop", [f"15.71.010.001.002-{at + 1000}.0" for at in range(1, 31)]),
    "nib": ("nib", [f"9120{at * 7919:09d}" for at in range(1, 31)]),
    "no_paspor": ("passport", [f"A{at * 7919 + 2000000}" for at in range(1, 31)]),
    "nopol": ("plate", [f"BH {at + 1000} XY" for at in range(1, 31)]),
    "tgl_lahir": ("birth", [f"1990-12-{at % 28 + 1:02d}" for at in range(1, 31)]),
}


def table(key: str, values: list[str], form: str) -> tuple[bytes, str]:
    rows = [(str(at), value, "Siti") for at, value in enumerate(values, 1)]
    if form == "csv":
        text = f"id;{key};nama\n" + "".join(";".join(row) + "\n" for row in rows)
    elif form == "sql":
        listed = ",".join(f"({at},'{value}','{name}')" for at, value, name in rows)
        text = f"INSERT INTO `t` (`id`, `{key}`, `nama`) VALUES {listed};\n"
    elif form == "copy":
        text = f"COPY t (id, {key}, nama) FROM stdin;\n" + "".join(
            "\t".join(r) + "\n" for r in rows
        )
    elif form == "json":
        text = json.dumps([{"id": at, key: value, "nama": name} for at, value, name in rows])
    elif form == "html":
        text = f"<html><table><tr><th>no</th><th>{key}</th><th>nama</th></tr>\n" + "".join(
            "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows
        )
    else:
        text = "".join(f"nama: {name}\n{key} : {value}\n" for _, value, name in rows)
    return text.encode(), f"x.{'sql' if form == 'copy' else form}"


FORMS = ["csv", "sql", "copy", "json", "html", "txt"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", VALUES)
def test_not_without_its_name(key: str, form: str) -> None:
    data, name = table("kolom", VALUES[key][1], form)
    assert found(data, name) == {}
    # The word in another place of the file is no name of the column.
    assert found(b"-- no_hp nisn no_bpjs kpj nib no_sim nop paspor nopol tgl_lahir\n" + data) == {}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", VALUES)
def test_with_its_name(key: str, form: str) -> None:
    type_, values = VALUES[key]
    data, name = table(key, values, form)
    (tally,) = scan(data, name).tallies
    assert (tally.type, tally.count) == (type_, 30)
    assert tally.distinct == len(set(values))
    assert tally.confidence >= 0.7
    assert len(tally.tokens) == len(set(values))
    assert all("*" in sample for sample in tally.samples)


@pytest.mark.parametrize(
    "values",
    [["-"] * 9, ["f83a1c0099887766554a"] * 9, ["08**-****-*12"] * 9, ["0000000000"] * 9],
)
@pytest.mark.parametrize("key", VALUES)
def test_other_values_under_the_name(key: str, values: list[str]) -> None:
    assert found(*table(key, values, "csv")) == {}


def test_one_person_has_one_token_however_the_number_is_written() -> None:
    forms = ["081234567890", "+6281234567890", "62 812-3456-7890", "0812 3456 7890"]
    (tally,) = scan(*table("no_hp", forms, "csv")).tallies
    assert (tally.count, tally.distinct, len(tally.tokens)) == (4, 1, 1)


def test_an_account_needs_its_bank() -> None:
    rows = [f"{at * 7919 + 1000000000}" for at in range(1, 9)]
    assert found(*table("no_rekening", rows, "csv")) == {}
    with_bank = "no_rekening;bank\n" + "".join(f"{row};BNI\n" for row in rows)
    assert found(with_bank.encode(), "x.csv") == {"bank_account": 8}


def test_a_birth_needs_a_name_and_an_address_needs_data() -> None:
    rows = "".join(f"{value};1\n" for value in VALUES["tgl_lahir"][1])
    assert found(b"tgl_lahir;jumlah\n" + rows.encode(), "x.csv") == {}
    addresses = "".join(f"a{at}@gmail.com;{nik}\n" for at, nik in enumerate(NIKS))
    assert found(b"email;nik\n" + addresses.encode(), "x.csv") == {"email": 30, "nik": 30}
    alone = "".join(f"a{at}@gmail.com;x\n" for at in range(30))
    assert found(b"email;nama\n" + alone.encode(), "x.csv") == {}


def test_the_taxpayer_number_of_a_citizen_is_a_nik() -> None:
    assert found(*table("npwp", NIKS, "csv")) == {"nik": 30}


def test_columns_of_a_register_need_data() -> None:
    head = "NIK,NO_KK,NAMA_LGKP,TGL_LHR,NIK_IBU\n"
    assert found(head.encode(), "x.csv") == {}
    row = f"{NIKS[0]},,Siti,1990-01-01,{NIKS[1]}\n"
    assert found((head + row).encode(), "x.csv") == {"nik": 2, "birth": 1, "dukcapil": 1}
