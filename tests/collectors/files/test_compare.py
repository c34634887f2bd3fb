"""What must not happen: a change of content called none, or noise called a change."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from collectors.files.compare import RACY_NS, Row, classify, racy, row_of

FILE = Row(1, 2, 30, 40, 5, stat.S_IFREG | 0o644, 0, 0, "hashed", b"a" * 32)
DIRECTORY = FILE._replace(mode=stat.S_IFDIR | 0o755, outcome="not_hashed", digest=None)
UNREAD = FILE._replace(outcome="unreadable", digest=None)


@pytest.mark.parametrize(
    ("old", "change", "action"),
    [
        (FILE, {}, None),
        (FILE, {"device": 9}, None),
        (FILE, {"device": 9, "inode": 9, "ctime": 9}, None),
        (DIRECTORY, {"mtime": 9, "ctime": 9, "size": 9}, None),
        (FILE, {"ctime": 9}, "attributes"),
        (FILE, {"mtime": 9}, "attributes"),
        (FILE, {"mode": stat.S_IFREG | 0o4755}, "attributes"),
        (FILE, {"uid": 9, "device": 9}, "attributes"),
        (DIRECTORY, {"mode": stat.S_IFDIR | 0o777}, "attributes"),
        (DIRECTORY, {"inode": 9}, "modified"),
        (FILE, {"digest": b"b" * 32}, "modified"),
        (FILE, {"inode": 9}, "modified"),
        (FILE, {"mode": stat.S_IFLNK | 0o777}, "modified"),
        (UNREAD, {"size": 9}, "modified"),
        (UNREAD, {"ctime": 9}, "attributes"),
        (FILE._replace(outcome="unstable", digest=None), {"outcome": "hashed"}, None),
        (
            FILE._replace(outcome="unstable", digest=None),
            {"outcome": "hashed", "digest": b"b" * 32},
            "modified",
        ),
        (FILE, {"outcome": "unreadable", "digest": None}, None),
    ],
)
def test_classify(old: Row, change: dict[str, Any], action: str | None) -> None:
    assert classify(old, old._replace(**change)) == action


def test_racy() -> None:
    now = 10**18
    assert racy(now, now)
    assert racy(now + 1, now)
    assert not racy(now - RACY_NS - 1, now)


def test_row_of(tmp_path: Path) -> None:
    state = os.lstat(tmp_path)
    row = row_of(state)
    assert row.type == "dir"
    assert row.signature == (
        state.st_ino,
        state.st_dev,
        state.st_ctime_ns,
        state.st_mtime_ns,
        state.st_size,
        state.st_mode,
        state.st_uid,
        state.st_gid,
    )
