"""What must not happen: a new watchdog that changes what we lean on, unnoticed.

`watchdog.observers.inotify_c` is not documented API. If a test fails here after an update, read
collectors/files/sources/inotify.py before touching the version bound in setup.cfg.
"""

from __future__ import annotations

import inspect
import os
import queue
import struct
import threading
from importlib.metadata import version
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent, InotifyFD

from collectors.files.sources.inotify import MASK
from tests.patience import PATIENCE


class Recorder:
    """Collects what watchdog calls."""

    def __init__(self) -> None:
        self.events: queue.Queue[InotifyEvent] = queue.Queue()
        self.deleted: queue.Queue[int] = queue.Queue()
        self.overflows = 0

    def on_event(self, event: InotifyEvent) -> None:
        self.events.put(event)

    def on_watch_deleted(self, wd: int) -> None:
        self.deleted.put(wd)

    def on_queue_overflow(self) -> None:
        self.overflows += 1


def test_version() -> None:
    assert version("watchdog").startswith("7.")


def test_signatures() -> None:
    assert list(inspect.signature(InotifyFD.add_callback).parameters) == [
        "self",
        "path",
        "mask",
        "callback",
        "id_",
    ]
    assert list(inspect.signature(InotifyFD.remove_callbacks).parameters) == ["self", "callbacks"]
    assert list(inspect.signature(InotifyFD.__init__).parameters) == ["self"]
    assert issubclass(InotifyFD, threading.Thread)


def test_the_mask_has_nothing_that_reading_a_file_causes() -> None:
    c = InotifyConstants
    assert not MASK & (c.IN_OPEN | c.IN_ACCESS | c.IN_CLOSE_NOWRITE)
    assert MASK & c.IN_ATTRIB


def test_life_of_a_watch(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    reader = InotifyFD()
    first, second = Recorder(), Recorder()
    path = os.fsencode(tmp_path / "d")
    wd = reader.add_callback(path, MASK, first, CallbackId(1))
    assert reader.add_callback(path, MASK, second, CallbackId(2)) == wd
    assert isinstance(reader._inotify_fd, int)
    reader.start()
    (tmp_path / "d" / "f").touch()
    for recorder in (first, second):
        event = recorder.events.get(timeout=PATIENCE)
        assert (event.wd, event.mask, event.name) == (wd, InotifyConstants.IN_CREATE, b"f")
    reader.remove_callbacks([(wd, CallbackId(2))])
    (tmp_path / "d" / "f").unlink()
    (tmp_path / "d").rmdir()
    assert first.deleted.get(timeout=PATIENCE) == wd
    assert second.deleted.empty()
    reader.remove_callbacks([(wd, CallbackId(1))])  # already gone: no error
    reader.stop()
    reader.join(PATIENCE)
    assert not reader.is_alive()


def test_no_permission_is_minus_one_not_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ctypes
    import errno

    from watchdog.observers import inotify_c

    reader = InotifyFD()
    reader.start()

    def refuse(*_: object) -> int:
        ctypes.set_errno(errno.EACCES)
        return -1

    monkeypatch.setattr(inotify_c, "inotify_add_watch", refuse)
    recorder = Recorder()
    assert reader.add_callback(os.fsencode(tmp_path), MASK, recorder, CallbackId(1)) == -1
    reader.remove_callbacks([(-1, CallbackId(1))])  # type: ignore[list-item]
    reader.stop()
    reader.join(PATIENCE)
    assert recorder.deleted.empty()


def test_overflow_reaches_every_callback(tmp_path: Path) -> None:
    reader = InotifyFD()
    recorder = Recorder()
    reader.add_callback(os.fsencode(tmp_path), MASK, recorder, CallbackId(1))
    raw = struct.pack("iIII", -1, InotifyConstants.IN_Q_OVERFLOW, 0, 0)
    for fields in InotifyFD._parse_event_buffer(raw):
        reader.handle_event(InotifyEvent(*fields))
    assert recorder.overflows == 1
    reader.start()
    # Stopped before it reads, watchdog never closes its descriptors.
    (tmp_path / "read").touch()
    recorder.events.get(timeout=PATIENCE)
    reader.stop()
    reader.join(PATIENCE)
