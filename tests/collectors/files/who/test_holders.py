"""What must not happen: a reader named as the writer, a search for each file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from collectors.files.who import holders as module
from collectors.files.who.holders import Holders
from tests.collectors.files.context import Running


def opened(path: Path, mode: str) -> subprocess.Popen[bytes]:
    code = f"f = open({str(path)!r}, {mode!r}); print(flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.root
def test_who_writes_is_found_who_reads_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BUDGET", 30.0)  # however many processes there are
    (tmp_path / "read").write_bytes(b"x")
    with opened(tmp_path / "written", "w") as writing, opened(tmp_path / "read", "r"):
        holders = Holders()
        state = (tmp_path / "written").stat()
        writer = holders.writer(state.st_dev, state.st_ino)
        assert writer is not None
        assert (writer.pid, writer.user, writer.confidence) == (writing.pid, os.geteuid(), "proc")
        state = (tmp_path / "read").stat()
        assert holders.writer(state.st_dev, state.st_ino) is None


def test_one_search_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    searches = []
    monkeypatch.setattr(module, "_sees_others", lambda: True)

    def search(budget: float) -> dict[tuple[int, int], int]:
        searches.append(budget)
        return {}

    monkeypatch.setattr(module, "_search", search)
    holders = Holders()
    for number in range(100):
        assert holders.writer(1, number) is None
    assert 1 <= len(searches) <= 3


def test_where_proc_hides_others_nothing_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_budget: float) -> dict[tuple[int, int], int]:
        raise AssertionError

    monkeypatch.setattr(module, "_sees_others", lambda: False)
    monkeypatch.setattr(module, "_search", fail)
    assert Holders().writer(1, 2) is None


def test_else_the_owner_is_a_guess(tmp_path: Path) -> None:
    root = tmp_path / "watched"
    root.mkdir()
    with Running(tmp_path / "agent", [root], backend="inotify") as running:
        (root / "f").write_bytes(b"x")
        created = running.wait("created", root / "f")
        assert (created.user, created.confidence) == (str(os.geteuid()), "guess")
        assert (created.executable, created.pid) == (None, None)
        (root / "f").unlink()
        assert running.wait("deleted", root / "f").confidence is None
