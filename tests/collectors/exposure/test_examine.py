"""One look at one file, with the real child: hostile names, a child that hangs or dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.api import Keys
from collectors.exposure import examine
from collectors.exposure.settings import ExposureSettings
from collectors.kinds import ScanIncomplete, SensitiveData
from collectors.paths import PathGuard
from tests.collectors.content.citizens import make_niks
from tests.collectors.content.extract import bombs, builders

TEXT = "nik\n" + "\n".join(make_niks(30))
GUARD = PathGuard(b"k" * 32)


@pytest.fixture
def examiner(tmp_path: Path) -> Iterator[examine.Examiner]:
    settings = ExposureSettings(paths=(str(tmp_path),), web_roots=(), timeout=1.0)
    keys = Keys(fleet=b"f" * 32, fleet_epoch=1)
    made = examine.Examiner(settings, GUARD, keys, own=b"")
    yield made
    made.close()


def look(examiner: examine.Examiner, path: Path | bytes) -> examine.Look:
    real = os.fsencode(path)
    return examiner.look(real, GUARD.guard(real))


def test_what_is_no_file_is_skipped(examiner: examine.Examiner, tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text(TEXT)
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "elf").write_bytes(b"\x7fELF" + TEXT.encode())
    for name in ("link.csv", "pipe", "elf", "."):
        assert look(examiner, tmp_path / name).outcome == examine.SKIPPED
    assert look(examiner, tmp_path / "none").outcome == examine.GONE
    assert look(examiner, tmp_path / "real.csv" / "below").outcome == examine.GONE
    assert not examiner.child.running


@pytest.mark.parametrize(
    "name", [b"a\nb.csv", b"\xff\xfe.csv", "\u202efdp.csv".encode(), b"-rf *.csv", b"a" * 255]
)
def test_hostile_names(examiner: examine.Examiner, tmp_path: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "w") as file:
        file.write(TEXT)
    record = look(examiner, path).record
    assert isinstance(record, SensitiveData)
    assert record.path.isprintable()
    assert record.count == 30


@pytest.mark.parametrize(
    ("sent", "outcome", "cause"),
    [(signal.SIGSTOP, "timed_out", "timeout"), (signal.SIGKILL, "crashed", "signal")],
)
def test_a_child_that_hangs_or_dies_is_told(
    examiner: examine.Examiner, tmp_path: Path, sent: signal.Signals, outcome: str, cause: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(TEXT)
    assert look(examiner, path).outcome == examine.FOUND
    pid = examiner.child.pid
    assert pid is not None
    os.kill(pid, sent)
    failed = look(examiner, path)
    assert failed.outcome == examine.INCOMPLETE
    assert isinstance(failed.record, ScanIncomplete)
    assert failed.record.outcome == outcome
    assert failed.crash is not None
    assert failed.crash.cause == cause
    assert look(examiner, path).outcome == examine.FOUND


def test_an_unchanged_file_is_not_read_again(examiner: examine.Examiner, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(TEXT)
    first = look(examiner, path)
    real = os.fsencode(path)
    again = examiner.look(real, GUARD.guard(real), first.signature)
    assert again.outcome == examine.SKIPPED
    os.utime(path)
    assert examiner.look(real, GUARD.guard(real), first.signature).digest == first.digest


def test_bombs_and_huge_files_have_an_outcome_and_cost_a_bounded_child(tmp_path: Path) -> None:
    """Not "clean", not a dead child, not more memory than promised; the next file is read."""
    settings = ExposureSettings(paths=(str(tmp_path),), web_roots=(), timeout=6.0)
    made = examine.Examiner(settings, GUARD, Keys(fleet=b"f" * 32, fleet_epoch=1), own=b"")
    sparse = tmp_path / "sparse.sql"
    with sparse.open("wb") as file:
        file.truncate(10 << 30)
    bomb = builders.make_zip({"0": bytes(64 << 20)})
    for _ in range(4):
        bomb = builders.make_zip({f"{number}.zip": bomb for number in range(16)})
    (tmp_path / "bomb.zip").write_bytes(bomb)
    (tmp_path / "mixed.zip").write_bytes(
        builders.make_zip({"w.csv": TEXT.encode(), "x.7z": b"7z\xbc\xaf\x27\x1c" + bytes(50)})
    )
    try:
        told = look(made, sparse).record
        assert isinstance(told, ScanIncomplete)
        assert told.outcome == "too_large"
        told = look(made, tmp_path / "bomb.zip").record
        assert isinstance(told, ScanIncomplete)
        assert told.outcome in ("too_large", "timed_out")
        pid = made.child.pid
        assert pid is not None, "the child stopped by itself"
        found = look(made, tmp_path / "mixed.zip").record
        assert isinstance(found, SensitiveData)
        assert (found.count, found.parts[0].path) == (30, "w.csv")
        assert [(one.outcome, one.path) for one in found.unread] == [("unsupported", "x.7z")]
        assert made.child.pid == pid
        if os.geteuid() == 0:  # the child is not dumpable: its owner may not look
            status = Path(f"/proc/{pid}/status").read_text()
            (peak,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
            assert int(peak.split()[1]) < 150 << 10
    finally:
        made.close()


def test_a_sparse_file_within_max_bytes_is_a_sample(tmp_path: Path) -> None:
    """Ten gigabytes of nothing with a table in front: the table is found, the rest is no time."""
    settings = ExposureSettings(
        paths=(str(tmp_path),), web_roots=(), timeout=20.0, max_bytes=16 << 30
    )
    made = examine.Examiner(settings, GUARD, Keys(fleet=b"f" * 32, fleet_epoch=1), own=b"")
    path = tmp_path / "sparse.sql"
    with path.open("wb") as file:
        file.write((TEXT + "\n").encode())
        file.truncate(10 << 30)
    try:
        told = look(made, path).record
    finally:
        made.close()
    assert isinstance(told, SensitiveData)
    assert (told.outcome, told.count, told.unread) == ("sampled", 30, ())
    assert not told.tallies[0].exact


def test_a_part_that_kills_the_child_hides_no_other(tmp_path: Path) -> None:
    """The death is told, what the other parts hold too, and the next file is read."""
    settings = ExposureSettings(paths=(str(tmp_path),), web_roots=(), timeout=20.0)
    examiner = examine.Examiner(settings, GUARD, Keys(fleet=b"f" * 32, fleet_epoch=1), own=b"")
    path = tmp_path / "x"
    try:
        check_crash(examiner, path)
    finally:
        examiner.close()


def check_crash(examiner: examine.Examiner, path: Path) -> None:
    bomb = bombs.BOMBS["pdf"]()
    path.write_bytes(builders.make_zip({"a.pdf": bomb, "b.csv": TEXT.encode()}))
    found = look(examiner, path)
    assert found.crash is not None
    assert isinstance(found.record, SensitiveData)
    assert (found.record.count, found.record.parts[0].path) == (30, "b.csv")
    assert [(one.outcome, one.path) for one in found.record.unread] == [("crashed", "a.pdf")]
    path.write_bytes(bomb)
    alone = look(examiner, path)
    assert alone.crash is not None
    assert isinstance(alone.record, ScanIncomplete)
    assert alone.record.outcome == "crashed"
    path.write_text(TEXT)
    assert look(examiner, path).outcome == examine.FOUND
