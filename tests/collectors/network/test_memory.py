"""What must not happen: the process is told to keep memory and the program does not start."""

from __future__ import annotations

import subprocess
import sys


def test_memory_is_kept_where_the_allocator_can() -> None:
    code = "from collectors.network import memory; print(memory.keep())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in {"True", "False"}


def test_a_larger_heap_takes_no_memory_before_it_is_used() -> None:
    code = """
import resource
from collectors.network import memory
memory.keep()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(memory.enlarge(24 << 20), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told, grown = done.stdout.split()
    assert told in {"True", "False"}
    assert int(grown) < 8 << 10
