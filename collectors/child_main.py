"""The other side of `collectors.child`: what runs inside the child process."""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import signal
import socket
import struct
import sys
from types import TracebackType
from typing import Any, NoReturn

from collectors import child_filter, child_landlock, child_memory

FRAME = struct.Struct("!II")
MAX_FRAME = 64 << 20
MAX_DESCRIPTORS = 8
KIND_OK = 0
KIND_ERROR = 1
EXIT_MEMORY = 77
EXIT_FAILED = 70

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_LINUX_CAPABILITY_VERSION_3 = 0x20080522


def main() -> NoReturn:
    """Serve requests on the socket whose number is the last argument, until it closes."""
    connection = socket.socket(fileno=int(sys.argv[-1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _harden()

    def report(
        kind: type[BaseException], _error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, MemoryError):
            os._exit(EXIT_MEMORY)
        _reply(connection, KIND_ERROR, _describe(kind, trace).encode())
        os._exit(EXIT_FAILED)

    # An exception's text may hold the bytes that caused it: only its type and place are told.
    sys.excepthook = report
    import msgspec  # after the hardening

    hello, _ = _request(connection)
    target, limits, init = msgspec.msgpack.decode(hello, type=tuple[str, dict[str, int], bytes])
    module, _, name = target.partition(":")
    factory = getattr(importlib.import_module(module), name)
    _limit(limits)
    handler = factory(init)
    child_memory.settle()
    # The factory has imported and read what it needs; from here on only descriptors come in.
    child_landlock.confine()
    child_filter.confine()
    _reply(connection, KIND_OK, b"")
    while True:
        request, descriptors = _request(connection)
        _allow_cpu(limits["cpu"])
        _reply(connection, KIND_OK, handler(request, descriptors))


def _describe(kind: type[BaseException], trace: TracebackType | None) -> str:
    place = "?"
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{os.path.basename(code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{kind.__name__} at {place}"


def _request(connection: socket.socket) -> tuple[bytes, list[int]]:
    header, descriptors, _, _ = socket.recv_fds(connection, FRAME.size, MAX_DESCRIPTORS)
    while 0 < len(header) < FRAME.size:
        header += connection.recv(FRAME.size - len(header))
    if not header:
        os._exit(0)
    length, _ = FRAME.unpack(header)
    data = bytearray()
    while len(data) < length:
        chunk = connection.recv(min(length - len(data), 1 << 20))
        if not chunk:
            os._exit(0)
        data += chunk
    return bytes(data), list(descriptors)


def _reply(connection: socket.socket, kind: int, data: bytes) -> None:
    try:
        connection.sendall(FRAME.pack(len(data), kind) + data)
    except OSError:  # the agent is gone, and so is the reason to live
        os._exit(0)


def _limit(limits: dict[str, int]) -> None:
    for which, value in (
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_NOFILE, limits["descriptors"]),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(which)
        wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (wanted, wanted))


def _allow_cpu(seconds: int) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = used + 1 + seconds
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _prctl(libc: Any, option: int, value: int) -> bool:
    return bool(libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0)


def _harden() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    _prctl(libc, _PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(libc, _PR_SET_DUMPABLE, 0)  # keys in memory: no ptrace by the same user, no core
    _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
    header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    libc.capset(ctypes.byref(header), ctypes.byref(nothing))
