"""Whatever is sent, the answer is JSON with one sentence, and the collector lives on."""

from __future__ import annotations

import http.client
import json
import re
import socket
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.api import web
from server.api.alerts import where
from server.cli.errors import BadRequest, CliError
from tests.patience import PATIENCE
from tests.server.api.collector import Collector

any_text = st.text(st.one_of(st.characters(), st.sampled_from("0123456789-+_ ")))


@pytest.mark.parametrize("value", ["", "x", "1.5", "0", "101", "-1", "1e3", "9" * 5000])
def test_wrong_numbers_are_refused(value: str) -> None:
    with pytest.raises(web.ApiError, match="n must be"):
        web.integer({"n": value}, "n", 5, 1, 100)


def test_absent_numbers_have_a_default() -> None:
    assert web.integer({}, "n", 5, 1, 100) == 5
    assert web.moment({}, "since") is None
    assert web.moment({"since": "12"}, "since") == 12


@pytest.mark.parametrize("value", [5, [], {}, True, " ", "x" * 2001])
def test_wrong_texts_are_refused(value: object) -> None:
    with pytest.raises(web.ApiError, match="note"):
        web.text({"note": value}, "note", default="")


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_time_has_a_form_or_none(nanoseconds: int) -> None:
    shown = web.iso(nanoseconds)
    if shown is not None:
        assert datetime.fromisoformat(shown).timestamp() == pytest.approx(nanoseconds / 1e9, abs=1)
    elif nanoseconds > 0:
        assert nanoseconds > 253_402_300_799 * 10**9


def test_times_have_microseconds_and_never_round_up() -> None:
    assert web.iso(1_795_500_000_999_999_999) == "2026-11-24T06:00:00.999999Z"
    assert web.iso(None) is None


@given(st.dictionaries(st.sampled_from(["status", "level", "host", "opd", "since"]), any_text))
def test_filters_are_values_and_never_statements(query: dict[str, str]) -> None:
    try:
        conditions, params = where(query, "all")
    except web.ApiError:
        return
    statement = " AND ".join(conditions)
    assert statement.count("?") == len(params)
    assert re.fullmatch(r"[A-Za-z_ ?(),=<>]+", statement)


def raw(collector: Collector, method: str, target: str, body: bytes = b"") -> tuple[int, object]:
    connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(collector.socket))
    try:
        connection.request(method, target, body)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("GET", "/", b"", 404),
        ("GET", "/v1/alerts/x", b"", 404),
        ("DELETE", "/v1/alerts", b"", 405),
        ("GET", "/v1/alerts?limit=0", b"", 400),
        ("GET", "/v1/alerts?status=%1b", b"", 400),
        ("GET", "/v1/alerts?lang=xx", b"", 400),
        ("GET", "/v1/alerts/99999999999999999999999", b"", 404),
        ("GET", "/v1/events?q=" + "a" * 5000, b"", 400),
        ("GET", "/v1/events/nonsense", b"", 400),
        ("GET", "/v1/hosts/%00", b"", 404),
        ("POST", "/v1/enroll/tokens", b"{", 400),
        ("POST", "/v1/enroll/tokens", b"[]", 400),
        ("POST", "/v1/enroll/tokens", b"{}", 400),
        ("POST", "/v1/enroll/tokens", b'{"opd": "\\u0007"}', 400),
        ("POST", "/v1/enroll/tokens", b'{"opd": "x", "ttl": 1e9}', 400),
        ("POST", "/v1/enroll/tokens", b'{"opd": "x", "ttl": true}', 400),
        ("POST", "/v1/enroll/tokens", b"[" * 60_000, 400),
        ("POST", "/v1/enroll/tokens", b"x" * 70_000, 400),
    ],
)
def test_trouble_is_one_json_sentence(
    collector: Collector, method: str, target: str, body: bytes, status: int
) -> None:
    found, answer = raw(collector, method, target, body)
    assert found == status, answer
    assert isinstance(answer, dict)
    assert isinstance(answer["error"], str)
    assert raw(collector, "GET", "/v1/hosts")[0] == 200


def test_a_broken_database_is_said_and_survived(collector: Collector) -> None:
    collector.state.execute("ALTER TABLE rule RENAME TO elsewhere")
    with pytest.raises(CliError, match="database cannot be used"):
        collector.client.get("/v1/rules")
    collector.state.execute("ALTER TABLE elsewhere RENAME TO rule")
    assert collector.client.get("/v1/rules") == {"rules": []}


def test_what_the_query_language_refuses_is_the_callers_mistake(collector: Collector) -> None:
    with pytest.raises(BadRequest):
        collector.client.get("/v1/events", q="severity>=x")
