"""Keeps freed memory for the next block, in a process that does nothing but take packets in.

glibc gives the top of the heap back to the kernel as soon as 128 KiB of it are free, and maps large
pieces one by one. Arrays live for one block, so that each block would have its pages zeroed and
mapped again: half of the time that the headers take.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # malloc.h


def keep(size: int = 32 << 20) -> bool:
    """Have the allocator keep up to *size* bytes; False where there is no such allocator."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    done = (mallopt(_TRIM_THRESHOLD, size), mallopt(_MMAP_THRESHOLD, min(size, 32 << 20)))
    return all(done) and bool(mallopt(_TOP_PAD, 1 << 20))
