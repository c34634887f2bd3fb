"""HTML tables: no name where there is none, and the name of each column."""

from __future__ import annotations

import time

import pytest

from collectors.content.reader import BLOCK
from tests.collectors.content.citizens import make_niks, with_check_digit
from tests.collectors.content.scanning import found, scan

NIKS = make_niks(60)
KKS = [f"{nik[:6]}{index % 28 + 1:02d}0119{index + 1:04d}" for index, nik in enumerate(NIKS)]
CARDS = [with_check_digit(f"453987{index * 7919:09d}") for index in range(1, 61)]


def rows(*columns: list[str]) -> str:
    return "".join(
        "<tr>" + "".join(f"<td class='x'>{cell}</td>" for cell in line) + "</tr>\n"
        for line in zip(*columns, strict=True)
    )


@pytest.mark.parametrize(
    "text",
    [
        "<html><table><tr><th>No. Order</th><th>Nama</th></tr>" + rows(NIKS, NIKS[::-1]),
        "<html><table><tr><th>Virtual Account</th><th>a</th></tr>" + rows(CARDS[:8], ["x"] * 8),
        "<html><table>" + "<tr><td>" * 5000,
        "<html>" + "<table><tr><th>" * 5000 + "1571014512900001",
        "<html><table><tr><th>nik</th></tr></table><p>nomor 4539871234567890</p>",
    ],
)
def test_nothing(text: str) -> None:
    assert "card" not in found(text.encode(), "x.html")
    assert "kk" not in found(text.encode(), "x.html")


@pytest.mark.parametrize("count", [1, 3, 60])
def test_columns(count: int) -> None:
    head = "<tr><th>No</th><th>No. KK</th><th><b>NIK</b></th><th>Kartu Kredit</th></tr>"
    text = f"<!DOCTYPE html><table>{head}" + rows(
        ["1"] * count, KKS[:count], NIKS[:count], CARDS[:count]
    )
    assert found(text.encode(), "x.html") == {"kk": count, "nik": count, "card": count}


def test_names_without_th_and_an_export_called_xls() -> None:
    text = "<table>" + rows(["No", *"1" * 5], ["NIK", *NIKS[:5]], ["NO_KK", *KKS[:5]])
    assert found(text.encode(), "data.xls") == {"nik": 5, "kk": 5}


def test_the_name_in_the_same_row() -> None:
    for key, mark in (("No. KK", "<td>:</td>"), ("no kk", "")):
        text = f"<html><table><tr><td>{key}</td>{mark}<td>{KKS[0]}</td></tr></table>"
        assert found(text.encode(), "kartu.html") == {"kk": 1}
    text = f"<html><table><tr><th>No. KK</th><td>{KKS[0]}</td></tr></table>"
    assert found(text.encode(), "kartu.html") == {"kk": 1}


def test_names_last_over_blocks() -> None:
    many = BLOCK // 60
    head = "<html><table><tr><th>no</th><th>No. KK</th></tr>\n"
    text = head + rows(["1"] * many, [KKS[index % 60] for index in range(many)])
    (tally,) = scan(text.encode(), "x.html").tallies
    assert (tally.type, tally.count, tally.distinct) == ("kk", many, 60)


def test_a_row_without_end_takes_no_longer_than_rows() -> None:
    """Quadratic once; in the agent it would cost the child's whole time for one file."""
    cells = BLOCK // 8
    endless = b"<html><table><tr>" + b"<td>" * cells + b"1571014512900001"
    rows_of_one = b"<html><table>" + b"<tr><td>" * (cells // 2) + b"1571014512900001"
    began = time.process_time()
    scan(rows_of_one, "x.html")
    usual = time.process_time() - began
    scan(endless, "x.html")
    assert time.process_time() - began - usual < 10 * usual + 1
