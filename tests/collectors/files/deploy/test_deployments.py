"""What must not happen: an upgrade that leaves differences behind, or takes a foreign one along."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from collectors.files.deploy.drift import PACKAGES, read_drift
from collectors.files.packages.folding import Packages
from tests.collectors.files.context import Running
from tests.collectors.files.packages.world import World, files_of
from tests.patience import until


def test_what_a_package_explains_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Packages, "quiet", 0.5)
    world = World(tmp_path / "root")
    world.unpack("alpha", "1.0", files_of("alpha", "1.0", 20))
    directory = tmp_path / "agent"
    with Running(directory, world.watched(), root=world.root, packages=True) as running:
        until(lambda: running.sensor.coverage()["packages"] == "known")
        altered = world.path(sorted(files_of("alpha", "1.1", 20))[3])
        with world.lock():
            world.unpack("alpha", "1.1", files_of("alpha", "1.1", 20))
            altered.write_bytes(b"shell")
        until(running.context.transactions)
        until(lambda: running.sensor.coverage()["drift"] == 1)
        connection = sqlite3.connect(running.context.state_dir / "baseline.db")
        try:
            (left,) = read_drift(connection)
            query = "SELECT value FROM meta WHERE key = ?"
            (accepted,) = connection.execute(query, (PACKAGES,)).fetchone()
        finally:
            connection.close()
        assert left.path == os.fsencode(altered)
        assert accepted >= 19
