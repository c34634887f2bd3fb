"""Which program runs in which process, recorded when it starts.

A writer that lives for two milliseconds is gone before anybody can look into /proc. But the kernel
tells when a program is opened for execution (FAN_OPEN_EXEC), with the file itself: that is kept.
The second event of an exec is the dynamic linker, and of a script the interpreter.

Needs CAP_SYS_ADMIN. Where /proc shows other users' processes (the drop-in sees to it), user, login
and parent are known too, of all that still live when the event is read.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import time

from collectors.files.mountinfo import read_mounts
from collectors.files.sources import fanotify_api as api
from collectors.files.sources.fanotify_wire import Event, parse
from collectors.files.who import proc
from collectors.files.writer import Writer

MAX_PROCESSES = 8_192
"""About 4 MB."""
_READ = 2_048
"""Bytes at once: 64 events, each with two descriptors."""
_TRUST = 10.0
"""Seconds for which a process is taken for the one that it was: numbers are used again."""
_LINKER = re.compile(rb"(?:/usr)?/lib(?:32|64|x32)?/(?:[^/]+/)?ld[-.][^/]*|/.*/ld-musl-[^/]*")
_ANCESTORS = 8

# Nothing is executed from them, or opening them may hang or mount something.
_SKIPPED = re.compile(
    r"proc|sysfs|cgroup2?|devpts|mqueue|debugfs|tracefs|securityfs|pstore|bpf|configfs|fusectl"
    r"|binfmt_misc|hugetlbfs|efivarfs|autofs|rpc_pipefs|nsfs|nfs.*|cifs|smb.*|fuse.*|9p|ceph|afs"
)


class _Process:
    __slots__ = (
        "checked",
        "executable",
        "expecting",
        "login",
        "parent",
        "recorded",
        "started",
        "user",
    )

    def __init__(self, executable: bytes | None, *, recorded: bool) -> None:
        self.executable = executable
        self.recorded = recorded
        self.expecting = b""
        self.parent: bytes | None = None
        self.user: int | None = None
        self.login: int | None = None
        self.started = 0
        self.checked = 0.0


class Programs:
    """Processes and their programs. Not safe for threads: its user holds a lock."""

    def __init__(self) -> None:
        """Touches nothing before `start`."""
        self._group = -1
        self._marked: set[str] = set()
        self._processes: dict[int, _Process] = {}
        self._paths: dict[bytes, bytes] = {}
        self._poll = select.poll()

    @property
    def descriptor(self) -> int:
        """What becomes readable when a program starts."""
        return self._group

    def start(self) -> None:
        """Begin to record; `stop` must follow.

        Raises:
            OSError: see `fanotify_api.init`.
        """
        flags = api.UNLIMITED_QUEUE | api.UNLIMITED_MARKS
        try:
            self._group = api.init(flags | api.REPORT_PIDFD)
        except OSError:
            self._group = api.init(flags)
        self.refresh()

    def stop(self) -> None:
        """Close everything."""
        if self._group >= 0:
            os.close(self._group)
            self._group = -1

    def refresh(self) -> None:
        """Mark file systems that have been mounted since."""
        mounts = {m.device: m for m in read_mounts() if not _SKIPPED.fullmatch(m.kind)}
        for device in mounts.keys() - self._marked:
            with contextlib.suppress(OSError):
                self._mark(mounts[device].point)
        self._marked = set(mounts)

    def _mark(self, point: bytes) -> None:
        descriptor = os.open(point, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            api.mark(self._group, api.MARK_FILESYSTEM, api.OPEN_EXEC, descriptor)
        finally:
            os.close(descriptor)

    def catch_up(self) -> None:
        """Take in all programs that started before this call."""
        left = api.queued(self._group)
        while left > 0:
            try:
                buffer = os.read(self._group, _READ)
            except BlockingIOError:
                return
            for event in parse(buffer):
                left -= 1
                if event.descriptor >= 0:
                    self._started(event)

    def writer(self, pid: int) -> Writer | None:
        """Return what is known of a process, at once."""
        if pid <= 0:
            return None  # outside our pid namespace
        process = self._processes.pop(pid, None)
        now = time.monotonic()
        if process is not None and now - process.checked > _TRUST:
            process = self._checked(pid, process, now)
        if process is None:
            process = self._forked(pid, now)
        self._keep(pid, process)
        return Writer(
            pid,
            process.executable,
            process.parent,
            process.user,
            process.login,
            "kernel" if process.recorded else "proc",
        )

    def _started(self, event: Event) -> None:
        try:
            path = os.readlink(b"/proc/self/fd/%d" % event.descriptor)
            script = _is_script(event.descriptor)
        except OSError:
            return
        finally:
            os.close(event.descriptor)
            alive = self._alive(event.pidfd)
        process = self._processes.pop(event.pid, None)
        if process is not None and process.expecting:
            expected, process.expecting = process.expecting, b""
            if _LINKER.fullmatch(path):
                self._keep(event.pid, process)
                return
            if expected == b"interpreter":
                process.executable = self._shared(path)
                process.expecting = b"linker"
                self._keep(event.pid, process)
                return
        process = _Process(self._shared(path), recorded=True)
        process.expecting = b"interpreter" if script else b"linker"
        process.checked = time.monotonic()
        seen = proc.look(event.pid) if alive else None
        if seen is not None:
            self._fill(process, seen)
        self._keep(event.pid, process)

    def _alive(self, pidfd: int) -> bool:
        """Tell whether the process runs, so that /proc speaks of it; close *pidfd*."""
        if pidfd < 0:
            return pidfd == -1  # FAN_NOPIDFD is gone; without the feature nobody can tell
        try:
            self._poll.register(pidfd, select.POLLIN)
            return not self._poll.poll(0)
        finally:
            self._poll.unregister(pidfd)
            os.close(pidfd)

    def _fill(self, process: _Process, seen: proc.Seen) -> None:
        process.user, process.login, process.started = seen.user, seen.login, seen.started
        process.parent = self._program(seen.parent)

    def _program(self, pid: int) -> bytes | None:
        """Return the program of a process, its forefather's where it has only forked."""
        for _ in range(_ANCESTORS):
            known = self._processes.pop(pid, None)
            if known is not None:
                self._keep(pid, known)
                return known.executable
            path = proc.program(pid)
            if path is not None:
                return self._shared(path)
            seen = proc.look(pid)
            if seen is None or seen.parent <= 0:
                return None
            pid = seen.parent
        return None

    def _checked(self, pid: int, process: _Process, now: float) -> _Process | None:
        """Return *process* if it is still the one with this number."""
        seen = proc.look(pid)
        if seen is not None and process.started not in (0, seen.started):
            return None
        process.checked = now
        return process

    def _forked(self, pid: int, now: float) -> _Process:
        """Make a record of a process whose start was not seen: it forked, or is older than we."""
        process = _Process(None, recorded=False)
        process.checked = now
        seen = proc.look(pid)
        if seen is None:
            return process
        self._fill(process, seen)
        process.executable = self._shared(proc.program(pid)) or process.parent
        return process

    def _keep(self, pid: int, process: _Process) -> None:
        """Put a process at the young end."""
        self._processes[pid] = process
        if len(self._processes) > MAX_PROCESSES:
            del self._processes[next(iter(self._processes))]

    def _shared(self, path: bytes | None) -> bytes | None:
        """Return one object for equal paths: thousands of processes run the same few programs."""
        if path is None:
            return None
        if len(self._paths) > MAX_PROCESSES:
            self._paths.clear()
        return self._paths.setdefault(path, path)


def _is_script(descriptor: int) -> bool:
    try:
        return os.pread(descriptor, 2, 0) == b"#!"
    except OSError:
        return False
