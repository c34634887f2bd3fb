"""What must not happen: a page is given back that stands nowhere else."""

from __future__ import annotations

import subprocess
import sys

from collectors import child_memory

HEAD = "7f0000001000-7f0000003000 {} 00000000 08:01 42 {}\nSize: 8 kB\nAnonymous: {} kB\n"


def found(mode: str, path: str, changed: int = 0) -> list[tuple[int, int]]:
    return list(child_memory.unchanged(HEAD.format(mode, path, changed).splitlines()))


def test_what_may_be_written_or_was_changed_stays() -> None:
    assert found("rw-p", "/usr/lib/libc.so.6") == []
    assert found("rw-s", "/usr/lib/libc.so.6") == []
    assert found("r--s", "/tmp/table (deleted)") == []
    assert found("r--p", "/usr/lib/libc.so.6", 16) == [], "relocations exist in memory only"
    assert found("r-xp", "[vdso]") == []
    assert found("r--p", "") == []
    assert found("---p", "/usr/lib/libc.so.6") == []


def test_code_and_constants_are_given_back() -> None:
    assert found("r-xp", "/usr/lib/libc.so.6") == [(0x7F0000001000, 0x2000)]
    assert found("r--p", "/usr/lib/with a space.so") == [(0x7F0000001000, 0x2000)]


def test_a_process_goes_on_with_less() -> None:
    code = """
import hashlib, json, numpy
from collectors import child_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1])

before = resident()
print(child_memory.settle() > 0, resident() < before)
print(int(numpy.arange(10).sum()), hashlib.sha256(b"").hexdigest()[:4], json.dumps([1]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "45", "e3b0", "[1]"]
