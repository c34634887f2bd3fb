"""Which files a bounded child may still open (Landlock, Linux 5.13): those that imports need.

The child runs as the agent's user. Without this, code that a hostile document has taken over could
read the spool, the keys and everybody's files, and hand them out in its answer.
"""

from __future__ import annotations

import ctypes
import os
import sys
import sysconfig

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every machine (asm-generic/unistd.h)
_VERSION_ASKED = 1
_PATH_BENEATH = 1
_READ = 1 << 2 | 1 << 3  # LANDLOCK_ACCESS_FS_READ_FILE, READ_DIR
# linux/landlock.h, what each ABI handles: 13 rights first, then refer, truncate; from 5 on ioctl.
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_RIGHTS_LATEST = (1 << 16) - 1
_NETWORK, _SCOPES = 0b11, 0b11  # bind and connect of TCP; abstract sockets and signals
_WITHOUT_NETWORK, _WITHOUT_SCOPES = 3, 5
_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
"""Shared libraries, and the data files that they look up when they are first used."""


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    # Packed in the kernel; it reads the first 12 bytes, which are the same without packing.
    _fields_ = (("access", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return the kernel's Landlock ABI, 0 when it has none or has it switched off."""
    libc = ctypes.CDLL(None, use_errno=True)
    found = libc.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION_ASKED)
    return max(0, int(found))


def readable() -> list[str]:
    """Return the directories below which files may be opened for reading: code only."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    own = [os.path.join(here, name) for name in ("collectors", "signatures")]
    paths = sysconfig.get_paths()
    libraries = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    # Not a source tree itself: beside the code, anything may lie in it.
    searched = [path for path in sys.path if os.path.realpath(path) != os.path.realpath(here)]
    wanted = dict.fromkeys((*own, *libraries, *searched, *_SYSTEM))
    return [path for path in wanted if os.path.isdir(path) and path != "/"]


def confine() -> int:
    """Close the file system to this process, for good; return the ABI, 0 where it cannot be done.

    Descriptors that are open, or come later over the socket, stay usable.
    """
    abi = version()
    if not abi:
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    rules = _Ruleset(_RIGHTS.get(abi, _RIGHTS_LATEST), _NETWORK, _SCOPES)
    size = 8 if abi <= _WITHOUT_NETWORK else 16 if abi <= _WITHOUT_SCOPES else 24
    ruleset = libc.syscall(_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return 0
    try:
        for path in readable():
            _allow(libc, ruleset, path)
        return abi if libc.syscall(_RESTRICT, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    # One that cannot be allowed stays closed: the import that wants it fails, nothing else.
    try:
        directory = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rule = _Beneath(_READ, directory)
        libc.syscall(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(directory)
