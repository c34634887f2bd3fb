"""``ronda server run``: the parent of the role processes."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType

import msgspec

from collectors.kinds import CollectorState
from server import sdnotify
from server.config import ServerConfig
from server.roles import COMMAND, PARENT, READY_FD, ROLES, require_initialised, run_role
from server.store.state import StateStore

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
STEADY = 60.0
"""Seconds after which a role that ran so long may crash as if for the first time."""
STOP_SECONDS = 10.0
READY_SECONDS = 10.0
"""After this a role that lives counts as ready although it has not said so."""
_POLL = 0.2


class Child:
    """One role's process, started again when it ends."""

    def __init__(self, role: str, config: ServerConfig) -> None:
        self.role = role
        self.ready = False
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._started = 0.0
        self._pause = FIRST_PAUSE
        self._next = 0.0
        self._reload = False

    @property
    def pid(self) -> int | None:
        """Return the process id while it runs."""
        return self._process.pid if self._process is not None else None

    def start(self, now: float) -> None:
        """Start the process."""
        read, write = os.pipe()
        environment = os.environ | {READY_FD: str(write), PARENT: str(os.getpid())}
        # The service manager hears from the parent only.
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
            environment.pop(name, None)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", COMMAND, self.role, str(self._config.path)],
                pass_fds=[write],
                stdin=subprocess.DEVNULL,
                env=environment,
            )
        except OSError:
            os.close(read)
            raise
        finally:
            os.close(write)
        os.set_blocking(read, False)
        self._pipe = read
        self._started = now
        self.ready = self._reload = False  # it has just read everything

    def tend(self, now: float) -> str | None:
        """Look after the process; return one sentence when it has ended by itself."""
        if self._process is None:
            if now >= self._next:
                self.start(now)
            return None
        self._hear(now)
        if self._reload and self.ready:
            self._reload = False
            self.signal(signal.SIGHUP)
        code = self._process.poll()
        if code is None:
            return None
        self._let_go()
        if now - self._started >= STEADY:
            self._pause = FIRST_PAUSE
        self._next = now + self._pause
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        text = f"role {self.role} ended ({how}); starting it again in {self._pause:g} s"
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return text

    def _hear(self, now: float) -> None:
        if self.ready:
            return
        with contextlib.suppress(BlockingIOError):
            if os.read(self._pipe, 1):
                self.ready = True
                return
        self.ready = now - self._started >= READY_SECONDS

    def _let_go(self) -> None:
        self._process = None
        self.ready = False
        os.close(self._pipe)

    def reload(self) -> None:
        """Pass SIGHUP on once the process listens to it."""
        self._reload = True

    def signal(self, number: int) -> None:
        """Send a signal if it runs."""
        if self._process is not None:
            self._process.send_signal(number)

    def wait(self, deadline: float) -> None:
        """Wait for the end until *deadline*, then force it."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("role %s does not stop: killed", self.role)
            self._process.kill()
            self._process.wait()
        self._let_go()


def run_server(config: ServerConfig, role: str | None = None) -> None:
    """Run all roles as children until SIGTERM or SIGINT, or one *role* in this process.

    Raises:
        OSError: a process cannot be started.
        KeyError: there is no such role.
        server.roles.RoleFailed: nothing is initialised yet.
    """
    require_initialised(config)
    if role is not None:
        run_role(config, role)
        return
    _Parent(config, ROLES).run()


class _Parent:
    def __init__(self, config: ServerConfig, roles: Iterable[str]) -> None:
        self._config = config
        self._children = [Child(role, config) for role in roles]
        self._ready = False
        self._watchdog = sdnotify.watchdog_seconds()
        self._barked = 0.0

    def run(self) -> None:
        with _signals(self._reload) as wait:
            try:
                for child in self._children:
                    child.start(time.monotonic())
                while not wait(_POLL):
                    self._look()
            finally:
                self._stop()

    def _look(self) -> None:
        now = time.monotonic()
        for child in self._children:
            ended = child.tend(now)
            if ended is not None:
                log.error("%s", ended)
                _note(self._config, ended)
        if not self._ready and all(child.ready for child in self._children):
            self._ready = True
            sdnotify.notify("READY=1\nSTATUS=all roles are running")
            log.info("all roles are running")
        if self._watchdog is not None and now - self._barked >= self._watchdog:
            self._barked = now
            sdnotify.notify("WATCHDOG=1")

    def _reload(self) -> None:
        log.info("SIGHUP: reloading rules and notification channels")
        for child in self._children:
            child.reload()

    def _stop(self) -> None:
        sdnotify.notify("STOPPING=1")
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children:
            child.signal(signal.SIGTERM)
        for child in self._children:
            child.wait(deadline)


def _note(config: ServerConfig, text: str) -> None:
    """Leave a note that the ingest role turns into an event."""
    record = CollectorState(action="role_crashed", reason=text)
    try:
        state = StateStore.open(config.state_db)
        try:
            state.execute(
                "INSERT INTO note (at, record) VALUES (?, ?)",
                (time.time_ns(), msgspec.json.encode(record).decode()),
            )
        finally:
            state.close()
    except (OSError, sqlite3.Error) as error:
        log.warning("the crash cannot be written down: %s", error)


@contextlib.contextmanager
def _signals(reload: Callable[[], None]) -> Iterator[Callable[[float], bool]]:
    """Give a function that waits up to so many seconds and says whether to stop.

    *reload* is called on SIGHUP, while waiting: a handler must not log, for it may have interrupted
    somebody who does.
    """
    ours, wakeup = socket.socketpair()
    ours.setblocking(False)
    wakeup.setblocking(False)
    stopping = hung_up = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    def ignore(_number: int, _frame: FrameType | None) -> None:
        """Only wake up: a child has ended."""

    def hang_up(_number: int, _frame: FrameType | None) -> None:
        nonlocal hung_up
        hung_up = True

    handlers = {
        signal.SIGTERM: stop,
        signal.SIGINT: stop,
        signal.SIGCHLD: ignore,
        signal.SIGHUP: hang_up,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    previous = signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
    selector = selectors.DefaultSelector()
    selector.register(ours, selectors.EVENT_READ)

    def wait(seconds: float) -> bool:
        nonlocal hung_up
        if not stopping and selector.select(seconds):
            with contextlib.suppress(BlockingIOError):
                ours.recv(4096)
        if hung_up and not stopping:
            hung_up = False
            reload()
        return stopping

    try:
        yield wait
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in before.items():
            signal.signal(number, handler)
        selector.close()
        ours.close()
        wakeup.close()
