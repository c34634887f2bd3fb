"""What must not happen: the process is told to keep memory and the program does not start."""

from __future__ import annotations

import subprocess
import sys


def test_memory_is_kept_where_the_allocator_can() -> None:
    code = "from collectors.network import memory; print(memory.keep())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in {"True", "False"}
