"""Asking the child for lines, for a bounded time.

The child is started in a thread of its own, for on a busy host a start takes seconds: whoever asks
waits a little and then goes without.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import ClassVar

import msgspec

from collectors.child import BoundedChild, ChildError, Limits
from collectors.content.line_forms import TARGET, LinesInit, LinesRequest, LinesResult

_DECODER = msgspec.msgpack.Decoder(LinesResult)
_LIMITS = Limits(memory=256 << 20, cpu=10, descriptors=16)


class Asker:
    """Owns the child. For one thread."""

    patience: ClassVar[float] = 2.0
    """Seconds that one change may wait."""
    budget: ClassVar[float] = 4.0
    """Seconds that changes may wait in each `window`; beyond, they are told without a diff."""
    window: ClassVar[float] = 20.0
    rest_after: ClassVar[float] = 60.0
    """Seconds without a question after which the child is ended."""

    def __init__(self, key: bytes, stopping: threading.Event) -> None:
        """*key* for the hashes of lines."""
        self._child = BoundedChild(
            TARGET, limits=_LIMITS, init=msgspec.msgpack.encode(LinesInit(key=key))
        )
        self._stopping = stopping
        self._pool: ThreadPoolExecutor | None = None
        self._running: Future[LinesResult] | None = None
        self._spent = 0.0
        self._since = 0.0
        self._used = 0.0

    def ask(
        self, descriptor: int, request: LinesRequest, *, waits: bool = True
    ) -> LinesResult | str:
        """Return the lines of the open file, or in a few words why there are none.

        *waits*: a change waits for the answer, so that it counts against the budget.
        """
        now = time.monotonic()
        if now - self._since > self.window:
            self._since, self._spent = now, 0.0
        if self._stopping.is_set():
            return "the agent was stopping"
        busy = self._running is not None and not self._running.done()
        if busy or (waits and self._spent > self.budget):
            return "too much at once"
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="lines")
        self._running = self._pool.submit(self._call, os.dup(descriptor), request)
        answer = self._wait(self._running, now + self.patience)
        self._used = time.monotonic()
        if waits:
            self._spent += self._used - now
        return answer

    def _wait(self, future: Future[LinesResult], deadline: float) -> LinesResult | str:
        while not self._stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            if wait([future], timeout=min(left, 0.1)).done:
                break
        if not future.done():
            return "no answer in time"
        error = future.exception()
        if isinstance(error, ChildError):
            return f"the reader ended: {error.cause}"
        if isinstance(error, (msgspec.DecodeError, OSError)):
            return "the reader made no sense"
        return future.result()

    def _call(self, descriptor: int, request: LinesRequest) -> LinesResult:
        body = msgspec.msgpack.encode(request)
        try:
            return _DECODER.decode(self._child.call(body, [descriptor], timeout=10.0))
        finally:
            os.close(descriptor)

    def rest(self) -> None:
        """End a child that nobody has asked for a while: it holds memory."""
        idle = time.monotonic() - self._used > self.rest_after
        if self._pool is not None and idle and (self._running is None or self._running.done()):
            self.close()

    def close(self) -> None:
        """End child and thread."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        deadline = time.monotonic() + 1.0
        while self._running is not None and not self._running.done():
            pid = self._child.pid
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            wait([self._running], timeout=0.05)
            if time.monotonic() > deadline:
                break
        pool.shutdown(wait=True)
        self._child.close()
        self._running = None
