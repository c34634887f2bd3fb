"""What must not happen: a wait that ends before the reader is there, or one for a dead reader."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import InotifyFD

from collectors.files.sources import barrier
from collectors.files.sources.barrier import Barrier


@pytest.fixture
def reader() -> Iterator[InotifyFD]:
    made = InotifyFD()
    yield made
    made.stop()
    if made.is_alive():
        made.join()
    if made._is_reading:  # it never read, and so leaves the closing to us
        made._close_resources()


def test_a_slow_reader_is_waited_for(
    reader: InotifyFD, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(barrier, "_STEP", 0.01)
    monkeypatch.setattr(barrier, "_STEPS", 6000)
    waited = Barrier(reader, tmp_path)
    told = waited.on_event

    def late(event: object) -> None:
        time.sleep(0.05)
        told(event)

    monkeypatch.setattr(waited, "on_event", late)
    reader.start()
    assert waited.wait()
    waited.close()


def test_a_dead_reader_is_not_waited_for(
    reader: InotifyFD, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(barrier, "_STEP", 3600.0)
    waited = Barrier(reader, tmp_path)
    assert not waited.wait()
    waited.close()
