"""The other side of `collectors.child`: what runs inside the child process."""

from __future__ import annotations

import ctypes
import importlib
import os
import platform
import resource
import signal
import socket
import struct
import sys
from types import TracebackType
from typing import Any, NoReturn

FRAME = struct.Struct("!II")
MAX_FRAME = 64 << 20
MAX_DESCRIPTORS = 8
KIND_OK = 0
KIND_ERROR = 1
EXIT_MEMORY = 77
EXIT_FAILED = 70

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_LINUX_CAPABILITY_VERSION_3 = 0x20080522

# (AUDIT_ARCH, numbers of socket, connect, bind, listen, accept, accept4, execve, execveat,
# ptrace, process_vm_readv, process_vm_writev, io_uring_setup, kill), from the kernel's tables.
_FORBIDDEN = {
    "x86_64": (
        0xC000003E,
        (41, 42, 49, 50, 43, 288, 59, 322, 101, 310, 311, 425, 62),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 203, 200, 201, 202, 242, 221, 281, 117, 270, 271, 425, 129),
    ),
}


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
    _deny_network()
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


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction)))


def _deny_network() -> bool:
    """Refuse new sockets, programs and looks into other processes with EPERM (seccomp)."""
    known = _FORBIDDEN.get(platform.machine())
    if known is None:
        return False
    arch, numbers = known
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | 1
    count = len(numbers)
    program = [(load, 0, 0, 4), (equal, 0, count + 2, arch), (load, 0, 0, 0)]
    # x32 calls share the architecture number of x86_64 and would slip past the list.
    program.append((at_least, count + 1, 0, 0x40000000))
    program += [(equal, count - index, 0, number) for index, number in enumerate(numbers)]
    program += [(answer, 0, 0, allow), (answer, 0, 0, refuse)]
    # A foreign architecture jumps to the refusal as well.
    program[1] = (equal, 0, len(program) - 3, arch)
    array = (_Instruction * len(program))(*[_Instruction(*line) for line in program])
    filter_ = _Program(len(program), ctypes.cast(array, ctypes.POINTER(_Instruction)))
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0)
    return bool(result == 0)
