"""What the kernel refuses to a bounded child (seccomp). Built without any library.

The child keeps what parsing needs: memory, threads, reading, its one socket. It may not reach the
network, other processes or other programs, and it may not change any file: as the agent's own
user it could otherwise delete the spool or signal the agent.
"""

from __future__ import annotations

import ctypes
import os
import platform

_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | 1  # EPERM
_UNKNOWN = 0x00050000 | 38  # ENOSYS: glibc then tries clone, whose flags can be read
_CLONE_THREAD = 0x10000
_CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

Line = tuple[int, int, int, int]

# By machine: AUDIT_ARCH, the calls refused, then by name those that depend on an argument.
# Numbers: the kernel's arch/x86/entry/syscalls/syscall_64.tbl and uapi/asm-generic/unistd.h.
_CALLS: dict[str, tuple[int, tuple[int, ...], dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        (
            *(41, 42, 49, 50, 43, 288),  # socket connect bind listen accept accept4
            *(59, 322, 57, 58, 272, 308),  # execve execveat fork vfork unshare setns
            *(101, 310, 311, 434, 438),  # ptrace process_vm_readv, writev pidfd_open, getfd
            *(62, 200, 129, 297, 424),  # kill tkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send
            *(425, 321, 298, 323, 248, 249, 250),  # io_uring bpf perf userfaultfd keys
            *(85, 437, 76, 87, 263, 82, 264, 316),  # creat openat2 truncate unlink rename
            *(86, 265, 88, 266, 83, 258, 84, 133, 259),  # link symlink mkdir rmdir mknod
            *(90, 91, 268, 452, 92, 93, 94, 260),  # chmod chown
            *(132, 235, 261, 280, 188, 189, 190, 197, 198, 199),  # utime setxattr removexattr
            *(463, 466, 469),  # setxattrat removexattrat file_setattr
        ),
        {"open": 2, "openat": 257, "clone": 56, "clone3": 435, "tgkill": 234, "prlimit64": 302},
    ),
    "aarch64": (
        0xC00000B7,
        (
            *(198, 203, 200, 201, 202, 242),
            *(221, 281, 97, 268),
            *(117, 270, 271, 434, 438),
            *(129, 130, 138, 240, 424),
            *(425, 280, 241, 282, 217, 218, 219),
            *(437, 45, 35, 38, 276),
            *(37, 36, 34, 33),
            *(52, 53, 452, 54, 55),
            *(88, 5, 6, 7, 14, 15, 16),
            *(463, 466, 469),
        ),
        {"openat": 56, "clone": 220, "clone3": 435, "tgkill": 131, "prlimit64": 261},
    ),
}


def _refuse(number: int) -> list[Line]:
    return [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]


def _decide(number: int, argument: int, test: tuple[int, int], yes: int, no: int) -> list[Line]:
    """Answer by the low half of an argument (the machines listed are little-endian)."""
    return [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),
        (test[0], 0, 1, test[1]),
        (_RETURN, 0, 0, yes),
        (_RETURN, 0, 0, no),
    ]


def program(machine: str, pid: int) -> list[Line] | None:
    """Return the filter for the process *pid*, None where the calls' numbers are not known."""
    known = _CALLS.get(machine)
    if known is None:
        return None
    arch, refused, some = known
    lines: list[Line] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _REFUSE),
        (_LOAD, 0, 0, _NUMBER),
        # x32 calls share the architecture number of x86_64 and would slip past the list.
        (_AT_LEAST, 0, 1, 0x40000000),
        (_RETURN, 0, 0, _REFUSE),
    ]
    for number in refused:
        lines += _refuse(number)
    if "open" in some:
        lines += _decide(some["open"], 1, (_ANY_BIT, _CHANGING), _REFUSE, _ALLOW)
    lines += _decide(some["openat"], 2, (_ANY_BIT, _CHANGING), _REFUSE, _ALLOW)
    lines += _decide(some["clone"], 0, (_ANY_BIT, _CLONE_THREAD), _ALLOW, _REFUSE)
    lines += [(_EQUAL, 0, 1, some["clone3"]), (_RETURN, 0, 0, _UNKNOWN)]
    # Its own end it may cause (abort), nobody else's; its own limits it may lower.
    lines += _decide(some["tgkill"], 0, (_EQUAL, pid), _ALLOW, _REFUSE)
    lines += _decide(some["prlimit64"], 0, (_EQUAL, 0), _ALLOW, _REFUSE)
    return [*lines, (_RETURN, 0, 0, _ALLOW)]


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction)))


def confine() -> bool:
    """Put the filter in force for this process, for good; False where that is not possible."""
    lines = program(platform.machine(), os.getpid())
    if lines is None:
        return False
    array = (_Instruction * len(lines))(*[_Instruction(*line) for line in lines])
    filter_ = _Program(len(lines), ctypes.cast(array, ctypes.POINTER(_Instruction)))
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0)
    return bool(result == 0)
