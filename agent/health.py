"""How the agent is: problems in words, status.json for the command line, liveness of sensors."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from agent.clock import SECOND, Clock
from agent.files import write_atomically
from collectors.redact import mask_text

log = logging.getLogger(__name__)

WRITE_SECONDS = 5.0
STALE_SECONDS = 20.0
"""A status file older than this belongs to an agent that hangs or is gone."""
_RESERVED = 16384
"""The file is filled up to a multiple of so many bytes, which a full disk cannot take away."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """status.json."""

    written: int
    """ns since 1970."""
    pid: int
    version: str
    agent: str = ""
    opd: str = ""
    started: int = 0
    """ns since 1970."""
    healthy: bool = False
    problems: list[str] = []
    settling: list[str] = []
    """Sensors that do not see changes yet."""
    sensors: dict[str, dict[str, Any]] = {}
    """By name: state, restarts, reason, coverage."""
    spool: dict[str, Any] = {}
    uplink: dict[str, Any] = {}


class Health:
    """Collects what is wrong, by source. Thread-safe."""

    def __init__(self) -> None:
        """Begin healthy."""
        self._lock = threading.Lock()
        self._problems: dict[str, str] = {}
        self._changed = False

    def set(self, source: str, text: str | None) -> None:
        """Say what is wrong with *source*, or that nothing is. Identifiers are masked here."""
        source, text = mask_text(source), None if text is None else mask_text(text)
        with self._lock:
            self._changed = self._changed or self._problems.get(source) != text
            if text is None:
                self._problems.pop(source, None)
            else:
                self._problems[source] = text

    def changed(self) -> bool:
        """Say whether anything was different since the last call."""
        with self._lock:
            changed, self._changed = self._changed, False
            return changed

    def problems(self) -> list[str]:
        """Return ``source: sentence`` lines, sorted."""
        with self._lock:
            return [f"{source}: {text}" for source, text in sorted(self._problems.items())]


def write_status(path: Path, status: Status) -> None:
    """Replace the status file; trouble with it is logged, not raised.

    On a full disk, when it matters most what it says, the old file's own space is written over.
    """
    try:
        try:
            write_atomically(path, _encode(status))
        except OSError as error:
            if error.errno not in _FULL:
                raise
            _write_over(path, status)
    except OSError as error:
        log.warning("status file cannot be written: %s", error)


def _encode(status: Status) -> bytes:
    text = msgspec.json.format(msgspec.json.encode(status), indent=1)
    return text.ljust(-(-(len(text) + 1) // _RESERVED) * _RESERVED - 1) + b"\n"


def _write_over(path: Path, status: Status) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        room = os.fstat(fd).st_size
        data = _encode(status)
        if len(data) > room:  # what is wrong before how all are
            data = _encode(msgspec.structs.replace(status, sensors={}))
        os.pwrite(fd, data.ljust(room), 0)
    finally:
        os.close(fd)


def read_status(path: Path) -> Status:
    """Read the status file.

    Raises:
        OSError: it is missing or not readable.
        ValueError: it is damaged.
    """
    attempts = 0
    while True:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Status)
        except msgspec.MsgspecError as error:
            attempts += 1
            if attempts == 3:
                raise ValueError(f"{path} is damaged: {error}") from error
        time.sleep(0.05)  # on a full disk it is written in place


def verdict(status: Status, clock: Clock) -> list[str]:
    """Return what is wrong now, one line each; an empty list is health."""
    if not _runs(status.pid):
        return ["the agent is not running: start it with 'systemctl start ronda-agent'"]
    age = (clock.wall() - status.written) / SECOND
    if age > STALE_SECONDS:
        return [f"the agent hangs (silent for {age:.0f} s): 'systemctl restart ronda-agent'"]
    if not status.healthy and not status.problems:
        waiting = "; ".join(status.settling) or "it has just begun"
        return [f"the agent is not ready yet ({waiting})"]
    return list(status.problems)


def _runs(pid: int) -> bool:
    if pid <= 0:  # written at the end
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
