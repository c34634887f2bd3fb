"""Enrolment strings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.fleet import tokens
from server.fleet.tokens import TokenRefused
from server.store.state import StateStore

NOW = 1_700_000_000 * 10**9


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    opened = StateStore.open(tmp_path / "state.db")
    yield opened
    opened.close()


def make(state: StateStore, opd: str = "dinkes", host: str | None = None, ttl: float = 60) -> str:
    text = tokens.create(
        state, url="https://x:1", fingerprint="ab", opd=opd, host=host, ttl=ttl, by="me", now=NOW
    )
    return tokens.parse_token(text).secret


def test_the_secret_is_not_kept(tmp_path: Path, state: StateStore) -> None:
    secret = make(state)
    assert all(secret not in str(row) for row in state.query("SELECT * FROM token"))
    assert all(secret not in str(row) for row in state.query("SELECT * FROM audit"))
    state.close()
    for path in tmp_path.iterdir():
        assert secret.encode() not in path.read_bytes()


def test_checks(state: StateStore) -> None:
    secret = make(state, host="DB1")
    assert tokens.check(state, secret, "db1", NOW).opd == "dinkes"
    with pytest.raises(TokenRefused, match="for host"):
        tokens.check(state, secret, "web1", NOW)
    with pytest.raises(TokenRefused, match="expired"):
        tokens.check(state, secret, "db1", NOW + 60 * 10**9)
    with pytest.raises(TokenRefused, match="unknown"):
        tokens.check(state, secret + "x", "db1", NOW)
    state.execute("UPDATE token SET used = 1")
    with pytest.raises(TokenRefused, match="used"):
        tokens.check(state, secret, "db1", NOW)


@pytest.mark.parametrize("opd", ["", "  ", "x" * 201, "a\nb", "a\x1b[31m"])
def test_refuses_a_strange_opd(state: StateStore, opd: str) -> None:
    with pytest.raises(ValueError, match="OPD"):
        make(state, opd=opd)


@pytest.mark.parametrize("ttl", [0, -1, float("nan")])
def test_refuses_a_strange_time_to_live(state: StateStore, ttl: float) -> None:
    with pytest.raises(ValueError, match="live"):
        make(state, ttl=ttl)


@given(st.text(), st.text(), st.text())
def test_round_trip(url: str, fingerprint: str, secret: str) -> None:
    text = tokens.format_token(url, fingerprint, secret)
    assert text.startswith("ronda1.")
    assert tokens.parse_token(text) == (url, fingerprint, secret)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, "ronda1." + text):
        with pytest.raises(ValueError, match="not an enrolment string"):
            tokens.parse_token(candidate)
