from __future__ import annotations

import os
import time
from pathlib import Path

from server.detect.follower import RACY_NS, Follower


def _age(path: Path, ns: int = 10 * RACY_NS) -> None:
    past = time.time_ns() - ns
    os.utime(path, ns=(past, past))


def test_nothing_new_is_said_only_after_quiet_files(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    (tmp_path / "2026-11-24.db-wal").write_bytes(b"x")
    assert follower.may_have_news()
    # Written within the clock's tick: another write could look the same.
    assert follower.may_have_news()
    _age(tmp_path / "2026-11-24.db-wal")
    assert follower.may_have_news()
    assert not follower.may_have_news()


def test_every_write_is_news(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    first = tmp_path / "2026-11-24.db"
    first.write_bytes(b"x")
    _age(first)
    assert follower.may_have_news()
    assert not follower.may_have_news()
    first.write_bytes(b"y")  # the same size
    assert follower.may_have_news()
    _age(first)
    follower.may_have_news()
    (tmp_path / "2026-11-25.db").write_bytes(b"")
    assert follower.may_have_news()


def test_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "events")
    follower.may_have_news()
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "2026-11-24.db").write_bytes(b"x")
    assert follower.may_have_news()
