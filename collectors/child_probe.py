"""A target that tries what a bounded child must not be able to do.

``ronda-agent doctor`` runs it to tell which bounds hold on this host; the tests prove each one.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable


def start(init: bytes) -> Callable[[bytes, list[int]], bytes]:
    """Return the handler; *init* comes back for the request ``init``."""
    kept = os.open(init, os.O_RDONLY) if init.startswith(b"/") else -1
    probes: dict[bytes, Callable[[], bytes]] = {
        b"init": lambda: init,
        b"pid": lambda: str(os.getpid()).encode(),
        b"network": _network,
        b"execute": _execute,
        b"write": _write,
        b"truncate": lambda: _try(lambda: os.close(os.open(init, os.O_WRONLY | os.O_TRUNC))),
        b"unlink": lambda: _try(lambda: os.unlink(init)),
        b"rename": lambda: _try(lambda: os.rename(init, init + b".moved")),
        b"mode": lambda: _try(lambda: os.chmod(init, 0o700)),
        b"fork": lambda: _try(_fork),
        b"signal": lambda: _try(lambda: _tgkill(os.getppid())),
        b"limits": lambda: _try(_lower_parents_limit),
        b"thread": _thread,
        b"read": lambda: _try(lambda: os.close(os.open(__file__, os.O_RDONLY))),
        b"import": _import,
        b"open": lambda: _try(lambda: os.close(os.open(init, os.O_RDONLY))),
        b"list": lambda: _try(lambda: os.listdir("/etc")),
        b"reopen": lambda: _try(lambda: _reopen(kept)),
        b"account": lambda: _try(lambda: os.close(os.open("/etc/passwd", os.O_RDONLY))),
        b"abort": os.abort,
        b"capabilities": _capabilities,
        b"memory": lambda: str(len(bytearray(64 << 30))).encode(),
        b"spin": _spin,
        b"sleep": lambda: _sleep(3600),
        b"crash": lambda: ctypes.string_at(0),
        b"leave": lambda: os._exit(3),
        b"terminate": _terminate,
    }

    def handle(request: bytes, descriptors: list[int]) -> bytes:
        if descriptors:
            return _read_all(descriptors)
        if request in probes:
            return probes[request]()
        raise ValueError(f"no such probe: {request!r}")

    return handle


def _import() -> bytes:
    import colorsys  # of the standard library, and needed by nobody else

    return b"allowed" if colorsys.__name__ else b""


def _reopen(descriptor: int) -> None:
    os.close(os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY))


def _network() -> bytes:
    try:
        socket.socket().close()
    except PermissionError:
        return b"refused"
    return b"allowed"


def _execute() -> bytes:
    try:
        os.execv("/bin/true", ["true"])  # noqa: S606 - the point is that it is refused
    except PermissionError:
        return b"refused"


def _write() -> bytes:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    descriptor = os.memfd_create("probe")
    try:
        os.write(descriptor, b"x")
    except OSError:
        return b"refused"
    finally:
        os.close(descriptor)
    return b"allowed"


def _try(action: Callable[[], object]) -> bytes:
    try:
        action()
    except PermissionError:
        return b"refused"
    return b"allowed"


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _tgkill(pid: int) -> None:
    number = {"x86_64": 234, "aarch64": 131}[os.uname().machine]
    if ctypes.CDLL(None, use_errno=True).syscall(number, pid, pid, 0):
        raise OSError(ctypes.get_errno(), "tgkill")


def _lower_parents_limit() -> None:
    parent = os.getppid()
    resource.prlimit(parent, resource.RLIMIT_CORE, resource.prlimit(parent, resource.RLIMIT_CORE))


def _thread() -> bytes:
    done: list[bytes] = []
    thread = threading.Thread(target=lambda: done.append(b"allowed"))
    thread.start()
    thread.join()
    return done[0]


def _capabilities() -> bytes:
    # Asked of the kernel: /proc is closed to the child.
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    sets = (ctypes.c_uint32 * 6)(*[1] * 6)
    if libc.capget(ctypes.byref(header), ctypes.byref(sets)):
        raise OSError(ctypes.get_errno(), "capget")
    no_new_privileges = libc.prctl(39, 0, 0, 0, 0)  # PR_GET_NO_NEW_PRIVS
    return f"{any(sets)} {no_new_privileges}".encode()


def _spin() -> bytes:
    while True:
        pass


def _sleep(seconds: float) -> bytes:
    time.sleep(seconds)
    return b"awake"


def _terminate() -> bytes:
    signal.raise_signal(signal.SIGTERM)
    return b""


def _read_all(descriptors: list[int]) -> bytes:
    parts = []
    for descriptor in descriptors:
        with os.fdopen(descriptor, "rb") as file:
            parts.append(file.read())
    return b"|".join(parts)
