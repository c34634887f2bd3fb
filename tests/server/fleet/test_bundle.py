"""The bundle: no version without a change, none twice, nothing in clear."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from agent.identity import verify_signed
from collectors.knowledge import PREFIX, Manifest, Signed, place_token
from server.fleet import bundle
from server.fleet.ca import Authority
from server.fleet.canaries import make
from server.store.state import StateStore

KEY = b"k" * 32
NOW = time.time_ns()
DAY = 86_400 * 10**9


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    with closing(StateStore.open(tmp_path / "state.db")) as opened:
        yield opened


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path, NOW)


def opened(found: bundle.Bundle | None) -> Manifest:
    assert found is not None
    signed = msgspec.msgpack.decode(found.signed, type=Signed)
    return msgspec.msgpack.decode(signed.manifest, type=Manifest)


def plant(state: StateStore) -> str:
    made = make("nik", KEY)
    marks = json.dumps(msgspec.to_builtins(made.marks))
    state.execute(
        "INSERT INTO canary VALUES (?, 'a', 'nik', '', ?, '', 1, 'x', NULL)", (made.id, marks)
    )
    state.execute("INSERT INTO canary_place VALUES (?, 'web1', '/srv/a')", (made.id,))
    return made.id


def test_there_is_none_while_there_is_nothing(
    state: StateStore, authority: Authority, tmp_path: Path
) -> None:
    signer = authority.signer(tmp_path, NOW)
    assert bundle.refresh(state, signer, KEY, NOW) is None
    assert bundle.current(state) is None


def test_versions_grow_with_what_changes(
    state: StateStore, authority: Authority, tmp_path: Path
) -> None:
    signer = authority.signer(tmp_path, NOW)
    one = plant(state)
    first = bundle.refresh(state, signer, KEY, NOW)
    assert bundle.refresh(state, signer, KEY, NOW + DAY) == first == bundle.current(state)
    manifest = opened(first)
    assert manifest.version == NOW // 10**9
    (canary,) = manifest.canaries
    assert (canary.id, canary.planted) == (one, (place_token(KEY, "web1", b"/srv/a"),))
    assert b"/srv/a" not in first.signed if first else False
    # The clock stands still: the version grows all the same.
    plant(state)
    second = opened(bundle.refresh(state, signer, KEY, NOW))
    assert (second.version, len(second.canaries)) == (manifest.version + 1, 2)
    state.execute("UPDATE canary SET retired = 1 WHERE id = ?", (one,))
    third = opened(bundle.refresh(state, signer, KEY, NOW))
    assert (len(third.canaries), third.retired) == (1, (one,))
    later = opened(bundle.refresh(state, signer, KEY, NOW + 20 * DAY))
    assert later.expires > NOW + 49 * DAY
    assert len(state.query("SELECT * FROM bundle")) == 4


def test_agents_can_prove_it(state: StateStore, authority: Authority, tmp_path: Path) -> None:
    plant(state)
    found = bundle.refresh(state, authority.signer(tmp_path, NOW), KEY, NOW)
    assert found is not None
    signed = msgspec.msgpack.decode(found.signed, type=Signed)
    verify_signed(authority.pem, signed.certificate, signed.signature, PREFIX + signed.manifest)
    again = authority.signer(tmp_path, NOW).sign(b"x")  # the same key after a restart
    verify_signed(authority.pem, signed.certificate, again, b"x")
    assert (tmp_path / "bundle.key").stat().st_mode & 0o777 == 0o600
