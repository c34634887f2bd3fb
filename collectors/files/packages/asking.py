"""Asking a bounded child about files, on a thread of its own: the sensor's pulse goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

from collectors.child import BoundedChild, ChildError, Limits

MAX_ARCHIVE = 1 << 30
"""Bytes; a larger file is not asked about."""
_LIMITS = Limits(memory=1 << 30, cpu=120, requests=400)
_SECONDS = 120.0
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Asking:
    """One child for a list of wishes; it is killed when nobody waits any more."""

    def __init__(self, target: str, wishes: Sequence[tuple[bytes | int, bytes]]) -> None:
        """*wishes*: each a file (its path, or a descriptor of the caller's) and a request."""
        self._wishes = wishes
        self._answers: list[bytes | None] = []
        self._given_up = False
        # Started and ended on one thread: the kernel kills it when the thread that made it ends.
        self._child = BoundedChild(target, limits=_LIMITS)
        self._thread = threading.Thread(target=self._run, name="files-archive")

    def wait(self, pulse: Callable[[], None]) -> list[bytes | None]:
        """Return an answer for each wish; None where the file or the child is not to be had.

        *pulse* is called all the while and may raise: the child is killed then.
        """
        self._thread.start()
        try:
            while self._thread.is_alive():
                self._thread.join(0.1)
                pulse()
        finally:
            self._given_up = True
            pid = self._child.pid
            if self._thread.is_alive() and pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._thread.join()
        return self._answers

    def _run(self) -> None:
        with self._child:
            for file, request in self._wishes:
                self._answers.append(None if self._given_up else self._ask(file, request))

    def _ask(self, file: bytes | int, request: bytes) -> bytes | None:
        with contextlib.nullcontext(file) if isinstance(file, int) else _opened(file) as descriptor:
            if descriptor is None:
                return None
            try:
                return self._child.call(request, (descriptor,), _SECONDS)
            except ChildError:
                return None


@contextlib.contextmanager
def _opened(path: bytes) -> Iterator[int | None]:
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        yield None
        return
    try:
        yield descriptor if os.fstat(descriptor).st_size <= MAX_ARCHIVE else None
    finally:
        os.close(descriptor)
