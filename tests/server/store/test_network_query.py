"""A hostile name breaks no query, and an address is found where it stands as a whole."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.store.network_query import at_least, canonical, of_kinds, with_peer, with_port
from server.store.query import Sql


def found(condition: Sql, **fields: Any) -> bool:
    named = {name.replace("__", "."): value for name, value in fields.items()}
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE event (kind, severity, fields)")
        row = (fields.get("kind", "network.flow"), fields.get("severity", 0), json.dumps(named))
        connection.execute("INSERT INTO event VALUES (?, ?, ?)", row)
        sql = f"SELECT count(*) FROM event WHERE {condition.where}"
        (rows,) = connection.execute(sql, condition.params).fetchone()
        return bool(rows)


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("", None),
        ("a b", None),
        ("x';DROP", None),
        ("203.0.113.9 ", "203.0.113.9"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("CDN.Example", "cdn.example"),
        ("cdn.example:443", "cdn.example:443"),
    ],
)
def test_what_a_peer_is(text: str, peer: str | None) -> None:
    assert canonical(text) == peer


@given(st.text(max_size=30))
def test_any_text(text: str) -> None:
    peer = canonical(text)
    if peer is not None:
        assert not found(with_peer(peer), source__ip="192.0.2.1", file__path="/x")


def test_an_address_is_whole() -> None:
    condition = with_peer("10.0.0.1")
    assert not found(condition, source__ip="10.0.0.11")
    assert not found(condition, source__ip="110.0.0.1")
    assert not found(condition, ronda__content__what="GET 10.0.0.1/x")
    for field in ("source__ip", "destination__ip", "ronda__content__peer"):
        assert found(condition, **{field: "10.0.0.1"})
    assert found(condition, ronda__finding__entity="10.0.0.1:443")


def test_a_name_in_any_case_and_no_pattern() -> None:
    assert found(with_peer("cdn.example"), destination__domain="CDN.example")
    assert found(with_peer("cdn.example"), ronda__finding__entity="cdn.example:443")
    assert not found(with_peer("c_n.example"), ronda__finding__entity="cdn.example:443")


def test_kinds_ports_and_levels() -> None:
    assert found(of_kinds(("network.flow",)))
    assert not found(of_kinds(("network.finding", "network.content")))
    assert found(with_port(443), destination__port=443)
    assert not found(with_port(443), destination__port=80, source__port=443)
    assert found(at_least(3), severity=3)
    assert not found(at_least(3), severity=2)
