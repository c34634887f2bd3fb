"""``ronda-agent scan``: nothing in clean software, everything that is planted."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

from collectors.api import Keys
from collectors.exposure.scan import FileResult, scan_paths
from collectors.exposure.settings import ExposureSettings
from collectors.kinds import SensitiveData
from collectors.paths import PathGuard
from tests.collectors.content.citizens import leaks, make_niks

SKIPPED_FOLDERS = ("site-packages", "dist-packages", "test", "tests", "__pycache__")


def run(*paths: str, settings: ExposureSettings | None = None) -> list[FileResult]:
    results: list[FileResult] = []
    outcomes = scan_paths(
        [os.fsencode(path) for path in paths],
        settings or ExposureSettings(exclude=SKIPPED_FOLDERS),
        PathGuard(b"k" * 32),
        Keys(fleet=b"f" * 32, fleet_epoch=1),
        results.append,
    )
    assert outcomes.total() == len(results)
    return results


def test_nothing_is_found_in_the_standard_library() -> None:
    results = run(sysconfig.get_path("stdlib"))
    looked = [result for result in results if result.outcome == "clean"]
    assert len(looked) > 100
    assert [result.path for result in results if result.record is not None] == []


def test_planted_files_are_found_below_a_directory(tmp_path: Path) -> None:
    niks = make_niks(40)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.csv").write_text("nik\n" + "\n".join(niks))
    (tmp_path / f"{niks[0]}.txt").write_text("kosong saja di sini")
    (tmp_path / "loop").symlink_to(tmp_path)
    results = run(str(tmp_path))
    found = [result for result in results if isinstance(result.record, SensitiveData)]
    assert [result.path.rpartition("/")[2] for result in found] == ["a.csv"]
    assert sorted(result.outcome for result in results) == ["clean", "found"]
    assert not any(leaks(nik, repr(results).encode()) for nik in niks[:1])


def test_a_file_that_is_not_there_is_gone(tmp_path: Path) -> None:
    assert [result.outcome for result in run(str(tmp_path / "none"))] == ["gone"]
