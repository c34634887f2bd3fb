"""What must not happen: git is believed to have done what it never does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from collectors.files.compare import row_of
from collectors.files.deploy.plausible import makes, stands, what_is
from collectors.files.hashing import Hasher
from collectors.kinds import FileChange, Scrubbed
from collectors.paths import PathGuard


def change(**fields: Any) -> FileChange:
    values: dict[str, Any] = {"action": "modified", "mode": "0644", "outcome": "hashed"}
    values.update(fields)
    return FileChange(path=Scrubbed("/srv/app/x"), path_token="t", **values)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"action": "attributes", "changed": ("mode",)}, b"/srv/app/x"),
        ({"changed": ("content", "acl")}, b"/srv/app/x"),
        ({"changed": ("content", "flags")}, b"/srv/app/x"),
        ({"action": "created", "capabilities": "cap_setuid=ep"}, b"/srv/app/x"),
        ({"action": "created", "mode": "0666"}, b"/srv/app/x"),
        ({"mode": "0666", "previous_mode": "0644"}, b"/srv/app/x"),
        ({}, b"/etc/sudoers.d/x"),
    ],
)
def test_what_git_never_does(fields: dict[str, Any], path: bytes) -> None:
    assert not makes(change(**fields), path)


@pytest.mark.parametrize(
    "fields",
    [
        {"changed": ("content", "mode"), "previous_mode": "0755"},
        {"action": "created"},
        {"action": "created", "type": "symlink", "mode": "0777"},
        {"action": "deleted", "mode": None},
        {"mode": "0666", "changed": ("content",)},
    ],
)
def test_what_git_does(fields: dict[str, Any]) -> None:
    assert makes(change(**fields), b"/srv/app/x")


def test_what_has_changed_since(tmp_path: Path) -> None:
    path, guard = tmp_path / "x", PathGuard(b"k" * 32)
    hasher = Hasher(1 << 20, lambda: None)

    def asked(record: FileChange) -> bool:
        where = os.fsencode(path)
        return stands(guard, hasher, record, where, what_is(where))

    path.write_bytes(b"one")
    row = row_of(path.lstat())
    digest = hasher.hash(os.fsencode(path), None).digest
    assert digest is not None
    record = change(inode=str(row.inode), ctime=row.ctime, sha256=digest.hex())
    assert asked(record)
    path.chmod(0o600)
    assert asked(record)
    path.write_bytes(b"two")
    os.utime(path, ns=(row.mtime, row.mtime))
    assert not asked(record)
    path.unlink()
    assert not asked(record)
    assert asked(change(action="deleted"))
    path.symlink_to("one")
    state = path.lstat()
    assert asked(change(type="symlink", inode=str(state.st_ino), ctime=0, target=Scrubbed("one")))
    assert not asked(change(type="symlink", inode=str(state.st_ino), ctime=0, target=Scrubbed("t")))
