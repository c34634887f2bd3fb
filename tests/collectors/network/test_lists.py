"""What must not happen: a table is handed over twice, a new one never, or one that may change."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from collectors.network.detect.ioc import Indicators, build
from collectors.network.lists import Lists


def names(lists: Lists, *asked: str) -> list[str]:
    """Return which of *asked* a fresh table lists."""
    found = []
    for descriptor in lists.fresh():
        table = Indicators(descriptor)
        os.close(descriptor)
        found += [name for name in asked if table.domain(name)]
        table.close()
    return found


def test_without_a_path_there_is_nothing(tmp_path: Path) -> None:
    lists = Lists("", tmp_path)
    assert (lists.fresh(), lists.reason) == ([], "")


def test_what_is_missing_or_no_file_is_said(tmp_path: Path) -> None:
    lists = Lists(str(tmp_path / "table"), tmp_path)
    assert (lists.fresh(), lists.reason) == ([], "No such file or directory")
    os.mkfifo(tmp_path / "table")
    assert (lists.fresh(), lists.reason) == ([], "no file, or larger than 512 MiB")


def test_a_table_is_handed_over_once_and_again_when_it_is_new(tmp_path: Path) -> None:
    path = tmp_path / "table"
    build(["evil.example,domain,own,high"], path)
    lists = Lists(str(path), tmp_path)
    assert names(lists, "evil.example", "worse.example") == ["evil.example"]
    assert lists.fresh() == []
    lists.again()
    assert names(lists, "evil.example") == ["evil.example"]
    build(["worse.example,domain,own,high"], path)
    assert names(lists, "evil.example", "worse.example") == ["worse.example"]
    assert lists.reason == ""
    assert [one.name for one in tmp_path.iterdir()] == ["table"]


def test_a_full_disk_is_not_filled_again_each_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, tries = tmp_path / "table", []
    build(["evil.example,domain,own,high"], path)

    def full(*_: object) -> int:
        tries.append(1)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    lists = Lists(str(path), tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "sendfile", full)
        assert [lists.fresh() for _ in range(5)] == [[]] * 5
    assert (len(tries), lists.reason) == (1, "No space left on device")
    lists._not_before = 0.0
    assert names(lists, "evil.example") == ["evil.example"]
    assert [one.name for one in tmp_path.iterdir()] == ["table"]


def test_what_becomes_of_the_file_does_not_touch_the_copy(tmp_path: Path) -> None:
    path = tmp_path / "table"
    build([f"evil{n}.example,domain,own,high" for n in range(9000)], path)
    (descriptor,) = Lists(str(path), tmp_path).fresh()
    table = Indicators(descriptor)
    os.close(descriptor)
    path.write_bytes(b"")
    assert all(table.domain(f"evil{n}.example") for n in range(9000))
    table.close()
