"""Other names of files: what must not happen is a walk without an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.exposure.web import links
from collectors.exposure.web.links import Names, look


def test_loops_end_and_names_are_few(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    names = look([str(tmp_path / "a")]).of(str(tmp_path / "a/x"))
    assert len(names) <= 32
    assert str(tmp_path / "a/b/up/x") in names
    many = Names((f"/l{n}", "/real") for n in range(100))
    assert len(many.of("/real/x")) == 32


def test_roots_and_folders_behind_links(tmp_path: Path) -> None:
    (tmp_path / "releases/5/public").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x.csv").write_text("")
    (tmp_path / "current").symlink_to("releases/5")
    (tmp_path / "releases/5/public/storage").symlink_to(tmp_path / "data")
    (tmp_path / "releases/5/public/one.csv").symlink_to(tmp_path / "data/x.csv")
    root = str(tmp_path / "current/public")
    names = look([root, str(tmp_path / "missing")]).of(str(tmp_path / "data/x.csv"))
    assert set(names) >= {str(tmp_path / "data/x.csv"), f"{root}/storage/x.csv", f"{root}/one.csv"}


def test_many_files_in_one_root_hide_no_link_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "_MOST", 30)
    for number in range(40):
        path = tmp_path / f"one/deep/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    for folder in ("two", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "two/storage").symlink_to(tmp_path / "data")
    names = look([str(tmp_path / "one"), str(tmp_path / "two")])
    assert str(tmp_path / "two/storage/x") in names.of(str(tmp_path / "data/x"))
    assert not names.whole
