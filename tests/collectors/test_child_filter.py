"""The refused calls have the numbers that the kernel's own headers give them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collectors.child_filter import _CALLS as CALLS

HEADERS = {
    "x86_64": [
        Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        Path("/usr/include/asm/unistd_64.h"),
    ],
    # aarch64 takes the generic numbers (arch/arm64/include/uapi/asm/unistd.h).
    "aarch64": [Path("/usr/include/asm-generic/unistd.h")],
}
REFUSED = {
    "socket",
    "connect",
    "bind",
    "listen",
    "accept",
    "accept4",
    "execve",
    "execveat",
    "unshare",
    "setns",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_open",
    "pidfd_getfd",
    "kill",
    "tkill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "pidfd_send_signal",
    "io_uring_setup",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "add_key",
    "request_key",
    "keyctl",
    "openat2",
    "truncate",
    "unlinkat",
    "renameat",
    "renameat2",
    "linkat",
    "symlinkat",
    "mkdirat",
    "mknodat",
    "fchmod",
    "fchmodat",
    "fchown",
    "fchownat",
    "utimensat",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "removexattr",
    "lremovexattr",
    "fremovexattr",
}
ONLY_OLD = {
    "fork",
    "vfork",
    "creat",
    "unlink",
    "rename",
    "link",
    "symlink",
    "mkdir",
    "rmdir",
    "mknod",
    "chmod",
    "chown",
    "lchown",
    "utime",
    "utimes",
    "futimesat",
}
"""Calls that newer machines never had."""
NEWER = {452: "fchmodat2", 463: "setxattrat", 466: "removexattrat", 469: "file_setattr"}
"""Since Linux 6.6, 6.13 and 6.17, on all machines alike; headers of today may lack them."""


def numbers(machine: str) -> dict[int, str]:
    """Return call numbers to names."""
    for path in HEADERS[machine]:
        if path.exists():
            text = path.read_text()
            found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)
            return NEWER | {int(number): name for name, number in found}
    pytest.skip(f"no kernel headers for {machine}")


@pytest.mark.parametrize("machine", sorted(HEADERS))
def test_each_number_is_the_call_that_is_meant(machine: str) -> None:
    names = numbers(machine)
    _, refused, some = CALLS[machine]
    told = [names[number] for number in refused]
    assert len(told) == len(set(told))
    wanted = REFUSED | set(NEWER.values())
    assert set(told) - {"renameat"} == (
        (wanted | ONLY_OLD if machine == "x86_64" else wanted) - {"renameat"}
    )
    assert {names[number] for number in some.values()} == set(some)


def test_the_machines_refuse_the_same() -> None:
    """What is named on one machine may not be missing on the other."""
    named = {
        machine: {numbers(machine)[number] for number in CALLS[machine][1]} for machine in HEADERS
    }
    assert named["x86_64"] - named["aarch64"] <= ONLY_OLD
    assert named["aarch64"] <= named["x86_64"]
