"""What must not happen: a web shell waits to be told until all of /usr has been read."""

from __future__ import annotations

import os
import re
import sqlite3
from pathlib import Path

import pytest

from collectors.files import sensor
from collectors.files.order import Order
from collectors.files.scope import Own
from tests.collectors.files.context import Running


def test_ranks() -> None:
    own = [Own(b"/lib/ronda"), Own(b"/usr/bin", re.compile(rb"ronda-agent"))]
    order = Order([b"/srv/situs/", b"/var/www"], own)
    assert Order().rank(b"/var/www") == 2
    for path in (b"/srv/lain", b"/srv/situs2", b"/var/wwwx", b"/lib/x", b"/usr/bin/x", b"/etc"):
        assert order.rank(path) == 2, path
    for path in (b"/", b"/srv", b"/srv/situs", b"/srv/situs/a/b", b"/var", b"/var/www/x"):
        assert order.rank(path) == 0, path
    for path in (b"/lib", b"/lib/ronda", b"/lib/ronda/a", b"/usr", b"/usr/bin"):
        assert order.rank(path) == 1, path
    assert Order([b"/"]).rank(b"/etc") == 0


def test_the_first_baseline_takes_web_roots_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for top in ("a", "m", "z"):
        (tmp_path / top / "deep/deeper").mkdir(parents=True)
    site, own = tmp_path / "m/situs", tmp_path / "z/ronda"
    for folder in (site / "uploads", own / "files"):
        folder.mkdir(parents=True)
    monkeypatch.setattr(sensor, "own_places", lambda *_: [Own(os.fsencode(own))])
    paths = [tmp_path / top for top in ("a", "m", "z")]
    with Running(tmp_path / "agent", paths, protect=True, web_roots=(str(site),)) as running:
        database = running.context.state_dir / "baseline.db"
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT path FROM directory ORDER BY id").fetchall()
    connection.close()
    walked = [os.path.relpath(os.fsdecode(path), tmp_path) for (path,) in rows if path]
    assert walked[:6] == ["m", "m/situs", "m/situs/uploads", "z", "z/ronda", "z/ronda/files"]
    assert len(walked) == len(set(walked)) == 13
