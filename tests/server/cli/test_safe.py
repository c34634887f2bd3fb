"""Nothing from a monitored host may steer a terminal or run in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.cli import safe
from server.cli.output import Column, Output, plain_table

HOSTILE = "a\x1b[2Jb\u202egpj.exe\x9bc\u2028d\x7fe\rf\ng\u200fh\ud800"
DANGEROUS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
any_text = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"]),
        st.sampled_from(list(HOSTILE)),
    )
)
COLUMNS = (Column(key="a", heading="A"), Column(key="b", heading="B", right=True))


def dangerous(text: str, allowed: str = "") -> set[str]:
    return {c for c in text if unicodedata.category(c) in DANGEROUS and c not in allowed}


@pytest.mark.parametrize(
    "text", ["", "plain", "-rf", "dump nik 2026.sql", "Dinas Perhubungan é 漢"]
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert safe.display(text) == text
    assert safe.json_text(json.dumps(text, ensure_ascii=False)) == json.dumps(
        text, ensure_ascii=False
    )


def test_each_dangerous_character_is_shown_as_its_escape() -> None:
    assert safe.display("\x1b[31m") == "\\x1b[31m"
    assert safe.display("\u202e") == "\\u202e"
    assert safe.display("\U000e0001") == "\\U000e0001"
    assert safe.display("a\nb") == "a\\x0ab"


@given(any_text)
def test_no_dangerous_character_is_displayed(text: str) -> None:
    assert not dangerous(safe.display(text))


@given(st.recursive(any_text, lambda inner: st.lists(inner) | st.dictionaries(any_text, inner)))
def test_json_keeps_the_value_and_shows_nothing_dangerous(value: object) -> None:
    encoded = safe.json_text(json.dumps(value, ensure_ascii=False, indent=2))
    assert not dangerous(encoded, allowed="\n")
    assert json.loads(encoded) == value
    encoded.encode("utf-8")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "\uff1d1", "x;=1", "x; @y", "\t=1", "\r=1"]
)
def test_a_formula_never_starts_a_cell(text: str) -> None:
    cell = safe.csv_cell(text)
    for part in cell.split(";"):
        assert part.lstrip()[:1] not in set("=+-@\uff1d\uff0b\uff0d\uff20")


@given(st.lists(st.fixed_dictionaries({"a": any_text, "b": any_text}), max_size=4))
def test_tables_show_nothing_dangerous_and_keep_one_line_per_row(
    rows: list[dict[str, str]],
) -> None:
    table = plain_table(rows, COLUMNS)
    assert not dangerous(table, allowed="\n")
    assert table.count("\n") == len(rows) + 1


@given(any_text)
def test_csv_has_one_record_per_row_and_nothing_dangerous(text: str) -> None:
    out = io.StringIO()
    writer = Output("csv")
    writer._write = out.write  # type: ignore[method-assign,assignment]
    writer.rows([{"a": text, "b": -5}], COLUMNS)
    assert not dangerous(out.getvalue(), allowed="\n")
    records = list(csv.reader(io.StringIO(out.getvalue())))
    assert len(records) == 2
    assert records[1][1] == "-5"
    assert records[1][0][:1] not in set("=+-@")
