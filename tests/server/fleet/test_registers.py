"""The shelf of registers: an upload that a crash has cut goes, one that is under way stays."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

from server.fleet.registers import Shelf
from server.store.state import StateStore


def test_only_what_is_left_of_old_uploads_goes(tmp_path: Path) -> None:
    old, fresh = tmp_path / "a.new", tmp_path / "b.new"
    for path in (old, fresh):
        path.write_bytes(b"RONDAEDM")
    yesterday = time.time() - 2 * 86_400
    os.utime(old, (yesterday, yesterday))
    with closing(StateStore.open(tmp_path / "state.db")) as state:
        assert not Shelf(state, tmp_path).remove("nobody")
    assert not old.exists()
    assert fresh.exists()
