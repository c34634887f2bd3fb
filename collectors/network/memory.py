"""Keeps freed memory for the next block, in a process that does nothing but take packets in.

glibc gives the top of the heap back to the kernel as soon as 128 KiB of it are free, and maps large
pieces one by one. Arrays live for one block, so that each block would have its pages zeroed and
mapped again: half of the time that the headers take.
"""

from __future__ import annotations

import ctypes
import gc
import mmap

_QUIET, _MUCH = 2000, 20_000
"""Packets of a request with which it is quiet, and after which there is something to give back."""
_FEWER = 2000
"""Conversations that are over, and whose memory is worth giving back: minutes after the packets."""
_TIDY = 20.0
"""Seconds between two times, at least: each takes some milliseconds."""
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # malloc.h


def keep(size: int = 32 << 20) -> bool:
    """Have the allocator keep up to *size* bytes; False where there is no such allocator."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    done = (mallopt(_TRIM_THRESHOLD, size), mallopt(_MMAP_THRESHOLD, min(size, 32 << 20)))
    return all(done) and bool(mallopt(_TOP_PAD, 1 << 20))


def settle() -> None:
    """Have the collector of garbage pass by what there is now, and come less often.

    Thousands of records live at a time, and none of them is part of a circle; to look for circles
    among modules, tables and patterns again and again was an eighth of all work.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class Tidy:
    """Says when what a burst of traffic took is to be given back: when it has become quiet."""

    def __init__(self) -> None:
        self._packets = self._untidy = self._held = 0
        self._next = 0.0

    def due(self, packets: int, held: int, moment: float) -> bool:
        """Tell whether now is the time: *packets* since the start, *moment* in seconds.

        *held*: conversations that are under way.
        """
        fresh, self._packets = packets - self._packets, packets
        self._untidy += fresh
        self._held = max(self._held, held)
        if fresh > _QUIET or moment < self._next:
            return False
        if self._untidy < _MUCH and self._held - held < _FEWER:
            return False
        self._untidy, self._held, self._next = 0, held, moment + _TIDY
        return True


def enlarge(size: int = 24 << 20) -> bool:
    """After `keep`: let the heap grow by *size* bytes of large pages; False where it cannot.

    They are touched one by one, so that little more memory is used; but a page of 2 MiB is had for
    the price of a few small ones. Worth it where much comes at once, from a file.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "sbrk") or not hasattr(library, "madvise"):
        return False
    library.sbrk.restype = library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes, library.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    begin = library.sbrk(0)
    # The top of the heap, which is given back to it at once.
    library.free(library.malloc(size))
    end = library.sbrk(0)
    if begin is None or end is None or end <= begin:
        return False
    begin += -begin % mmap.PAGESIZE
    return bool(library.madvise(begin, end - begin, mmap.MADV_HUGEPAGE) == 0)
