"""Run a function in a bounded child process.

Whatever parses hostile bytes runs here: limited memory, CPU, descriptors and time; no network, no
writing, no capability. The child's death is an exception in the caller, never the agent's death.

The target ``module:function`` is called once in the child with the *init* bytes and returns a
handler ``(request, descriptors) -> response``. The handler owns the descriptors and closes them.
Secrets travel in *init*, through the socket, never by argument or environment.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType

import msgspec

from collectors.child_main import EXIT_MEMORY, FRAME, KIND_ERROR, KIND_OK, MAX_FRAME

_START_TIMEOUT = 30.0
_CPU_SIGNALS = {signal.SIGXCPU}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one child."""

    memory: int = 512 << 20
    """RLIMIT_AS in bytes."""
    cpu: int = 60
    """Seconds of CPU for one request (RLIMIT_CPU, moved forward at each one)."""
    descriptors: int = 64
    """RLIMIT_NOFILE."""
    requests: int = 2000
    """The child is replaced after so many: a leak cannot grow for ever."""


class ChildError(Exception):
    """The child gave no answer.

    ChildError
    |-- ChildTimeout   killed because it took too long
    `-- ChildDied      ended by itself, by a limit or by a signal
    """

    cause = "exit"
    detail = ""


class ChildTimeout(ChildError):  # noqa: N818
    """No answer within the time given; the child was killed."""

    cause = "timeout"


class ChildDied(ChildError):  # noqa: N818
    """The child ended. ``cause`` is ``memory``, ``cpu``, ``signal``, ``exit`` or ``protocol``."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(f"{cause}: {detail}" if detail else cause)
        self.cause = cause
        self.detail = detail


class BoundedChild:
    """One child, started on first use and after each death. Calls from several threads queue up."""

    def __init__(self, target: str, *, limits: Limits | None = None, init: bytes = b"") -> None:
        self.target = target
        self._limits = limits or Limits()
        self._init = init
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._served = 0

    @property
    def running(self) -> bool:
        """Whether a child process exists now."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """Process id of the running child."""
        process = self._process
        return process.pid if process else None

    def call(self, request: bytes, descriptors: Sequence[int] = (), timeout: float = 60.0) -> bytes:
        """Send *request*, return the answer. *descriptors* stay open here; the child gets copies.

        Raises:
            ChildError: `ChildTimeout` after *timeout* seconds, else `ChildDied`. The next call
                starts a new child.
        """
        with self._lock:
            try:
                if self._process is None:
                    self._start()
                # From here: a slow start, under load, is not the request's fault.
                deadline = time.monotonic() + timeout
                self._send(request, descriptors, deadline)
                answer = self._receive(deadline)
            except TimeoutError:
                self._stop(kill=True)
                raise ChildTimeout(f"no answer within {timeout:g} s") from None
            except (OSError, EOFError):
                raise self._bury() from None
            except BaseException:
                self._stop(kill=True)
                raise
            self._served += 1
            if self._served >= self._limits.requests:
                self._stop()
            return answer

    def close(self) -> None:
        """End the child, if any. A later call starts a new one."""
        with self._lock:
            self._stop()

    def __enter__(self) -> BoundedChild:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-c",
                    "from collectors.child_main import main; main()",
                    str(theirs.fileno()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._socket = ours
        self._served = 0
        hello = msgspec.msgpack.encode((self.target, msgspec.to_builtins(self._limits), self._init))
        deadline = time.monotonic() + _START_TIMEOUT
        self._send(hello, (), deadline)
        self._receive(deadline)

    def _send(self, data: bytes, descriptors: Sequence[int], deadline: float) -> None:
        if self._socket is None:
            raise EOFError
        if len(data) > MAX_FRAME:
            raise ValueError(f"request of {len(data)} bytes, at most {MAX_FRAME}")
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        frame = FRAME.pack(len(data), len(descriptors))
        # Descriptors ride on the header, which is too small to be split.
        if descriptors:
            socket.send_fds(self._socket, [frame], list(descriptors))
        else:
            self._socket.sendall(frame)
        self._socket.sendall(data)

    def _receive(self, deadline: float) -> bytes:
        length, kind = FRAME.unpack(self._read(FRAME.size, deadline))
        if length > MAX_FRAME or kind not in (KIND_OK, KIND_ERROR):
            raise ProtocolError
        data = self._read(length, deadline)
        if kind == KIND_ERROR:
            raise _Reported(data.decode("utf-8", "replace")[:200])
        return data

    def _read(self, size: int, deadline: float) -> bytes:
        if self._socket is None:
            raise EOFError
        chunks: list[bytes] = []
        while size:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            chunk = self._socket.recv(min(size, 1 << 20))
            if not chunk:
                raise EOFError
            chunks.append(chunk)
            size -= len(chunk)
        return b"".join(chunks)

    def _bury(self) -> ChildDied:
        error = sys.exception() if sys.version_info >= (3, 11) else sys.exc_info()[1]
        process = self._process
        if isinstance(error, ProtocolError):
            self._stop(kill=True)
            return ChildDied("protocol", "the child did not keep to the protocol")
        code = None
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(2.0)
        self._stop(kill=True)
        if code == EXIT_MEMORY:
            return ChildDied("memory", f"over {self._limits.memory >> 20} MiB")
        if isinstance(error, _Reported):
            return ChildDied("exit", str(error))
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return ChildDied("cpu" if -code in _CPU_SIGNALS else "signal", name)
        return ChildDied("exit", f"status {code}")

    def _stop(self, *, kill: bool = False) -> None:
        process, self._process = self._process, None
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()
        if process is None:
            return
        if kill:
            process.kill()
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Reported(EOFError):  # noqa: N818
    """The child said why it ends."""


class ProtocolError(EOFError):
    """The child's frame makes no sense."""
