"""The registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.fleet import agents, tokens
from server.fleet.agents import Enrolled, Refused, safe_host
from server.fleet.ca import Authority, BadRequest, Peer
from server.fleet.tokens import TokenRefused
from server.store.state import StateStore
from tests.server.ingest.rig import make_csr

NOW = 1_700_000_000 * 10**9
DAY = 86_400 * 10**9


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    opened = StateStore.open(tmp_path / "state.db")
    yield opened
    opened.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path, NOW)


def secret(state: StateStore) -> str:
    text = tokens.create(
        state, url="u", fingerprint="f", opd="bkd", host=None, ttl=60, by="me", now=NOW
    )
    return tokens.parse_token(text).secret


def enroll(state: StateStore, authority: Authority, word: str, csr: str | None = None) -> Enrolled:
    return agents.enroll(
        state, authority, secret=word, csr=csr or make_csr()[0], host="web1", host_id="h",
        boot_id="b", version="0.1.0", address="10.0.0.1", now=NOW,
    )  # fmt: skip


def test_a_bad_request_changes_nothing(state: StateStore, authority: Authority) -> None:
    word = secret(state)
    with pytest.raises(BadRequest):
        enroll(state, authority, word, "nonsense")
    assert state.query("SELECT * FROM agent") == []
    enroll(state, authority, word)
    with pytest.raises(TokenRefused):
        enroll(state, authority, word)
    assert len(state.query("SELECT * FROM agent")) == 1


def test_standing(state: StateStore, authority: Authority) -> None:
    new = enroll(state, authority, secret(state))
    peer = Peer(new.agent, new.issued.serial)
    assert agents.check(state, peer, NOW) == (new.agent, "bkd")
    with pytest.raises(Refused, match="does not know"):
        agents.check(state, Peer(new.agent, "77"), NOW)
    with pytest.raises(Refused, match="does not know"):
        agents.check(state, Peer("other", new.issued.serial), NOW)
    with pytest.raises(Refused, match="expired"):
        agents.check(state, peer, NOW + 31 * DAY)
    renewed = agents.renew(state, authority, new.agent, make_csr()[0], NOW)
    assert agents.revoke(state, new.agent, by="me", reason="lost", now=NOW)
    for serial in (new.issued.serial, renewed.issued.serial):
        with pytest.raises(Refused, match="revoked"):
            agents.check(state, Peer(new.agent, serial), NOW)
    with pytest.raises(Refused, match="revoked"):
        agents.renew(state, authority, new.agent, make_csr()[0], NOW)
    assert not agents.revoke(state, "nobody", by="me", reason="", now=NOW)


def test_everything_is_in_the_audit_log(state: StateStore, authority: Authority) -> None:
    new = enroll(state, authority, secret(state))
    agents.renew(state, authority, new.agent, make_csr()[0], NOW)
    agents.revoke(state, new.agent, by="sari", reason="lost", now=NOW)
    rows = state.query("SELECT actor, action FROM audit ORDER BY id")
    assert [(row["actor"], row["action"]) for row in rows] == [
        ("me", "token.create"),
        ("agent", "agent.enroll"),
        ("agent", "agent.renew"),
        ("sari", "agent.revoke"),
    ]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("web-1.kota.go.id", "web-1.kota.go.id"),
        ("", "unknown"),
        ("a\x1b[31mb\u202e", "a__31mb_"),
        ("x" * 999, "x" * 253),
        ("3201**********05", "3201**********05"),
    ],
)
def test_safe_host(name: str, safe: str) -> None:
    assert safe_host(name) == safe
