"""Whose canary it is: only for findings that name one, and never a crash for what agents send."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.detect.planted import planted
from server.store.state import StateStore


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    with closing(StateStore.open(tmp_path / "state.db")) as opened:
        yield opened


@pytest.mark.parametrize("value", [None, [], "c1", 7, {"c1": 1}])
def test_without_canaries_nothing_is_added(state: StateStore, value: Any) -> None:
    assert planted(state, {"ronda.data.canaries": value}) == {}


def test_places_and_opd_of_those_that_are_known(state: StateStore) -> None:
    state.execute(
        "INSERT INTO canary VALUES ('c1', 'Dukcapil', 'nik', 'tabel', '[]', '', 1, 'x', NULL)"
    )
    state.execute("INSERT INTO canary_place VALUES ('c1', 'web1', '/srv/')")
    found = planted(state, {"ronda.data.canaries": ["c1", 3, "c9", "c1"]})
    assert found == {
        "ronda.canary.opd": "Dukcapil",
        "ronda.canary.place": "tabel, web1:/srv/",
    }
    unknown = planted(state, {"ronda.data.canaries": ["c9"]})
    assert set(unknown.values()) == {"?"}
