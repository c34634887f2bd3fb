from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.alerts.catalog import LANGUAGES
from server.alerts.queries import list_alerts
from server.alerts.render import MAX_TEXT, clean, moment, number, render_text, render_title
from server.store.state import StateStore
from tests.server.alerts.alert_samples import FACTS, new_alert, put


def row_of(state: StateStore, **facts: Any) -> dict[str, Any]:
    fields = {**new_alert().fields, "facts": {**FACTS, **facts}}
    put(state, fields=fields)
    return list_alerts(state)[0]


@given(st.text())
def test_no_control_or_bidi_character_reaches_people(text: str) -> None:
    shown = clean(text)
    assert len(shown) <= MAX_TEXT
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in shown)


def test_a_hostile_path_stays_on_its_line(state: StateStore) -> None:
    row = row_of(state, path="/x\n\x1b[2J\u202efdp.exe{host}")
    text = render_text(row, "en")
    assert "\x1b" not in json.dumps(text, ensure_ascii=False)
    assert "\n" not in text["summary"]
    assert "{host}" in text["summary"]  # a fact is never filled in twice


def test_an_unknown_fact_is_a_dash_and_no_error(state: StateStore) -> None:
    assert render_text(row_of(state), "en")["explanation"].endswith("needs it -.")


def test_odd_facts_do_not_fail(state: StateStore) -> None:
    row = row_of(state, counts=[["nik"], 5, None], begin=10**30, samples=[], hosts={"a": 1})
    assert render_text(row, "id")["evidence"] == []


def test_what_people_read(state: StateStore) -> None:
    row = row_of(state)
    english, indonesian = render_text(row, "en"), render_text(row, "id")
    assert english["summary"] == (
        "/var/www/html/backup.sql on web1 (Dinas A) lies in a web root, where anybody may fetch it,"
        " and holds 1,200 citizens' identity numbers (NIK), at least 30 family card numbers"
        " (KK). Examples, masked: 1571**********01."
    )
    assert (
        "1.200 nomor induk kependudukan (NIK), sedikitnya 30 nomor kartu keluarga (KK)"
        in indonesian["summary"]
    )
    assert indonesian["next_steps"] == [
        "Lihat apa lagi yang terjadi di server ini: ronda events search host=web1 --since 24h"
    ]
    assert english["evidence"] == ["1571**********01"]
    assert {"label": "Server", "value": "web1"} in indonesian["facts"]
    assert render_title(row, "id") == "Banyak nomor identitas warga di folder web"
    assert render_title(row, "xx") == row["title"]


@pytest.mark.parametrize(
    ("value", "en", "idn"),
    [(1234567, "1,234,567", "1.234.567"), (0, "0", "0"), (1.5, "1.5", "1.5")],
)
def test_numbers(value: float, en: str, idn: str) -> None:
    assert [number(value, language) for language in ("en", "id")] == [en, idn]


def test_moments() -> None:
    assert moment(1_795_000_000 * 10**9) == "2026-11-18 11:06:40 UTC"
    assert LANGUAGES == ("id", "en")


def test_one_field_is_shown_once_and_still_fills_both_names(state: StateStore) -> None:
    facts = render_text(row_of(state, cause="full", reason="full"), "en")["facts"]
    assert [fact["label"] for fact in facts if fact["value"] == "full"] == ["Cause"]
