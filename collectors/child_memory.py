"""Lets go of what only the start of a bounded child needed.

While modules are imported, most of the code of Python and of its libraries is touched, and the heap
is larger than what stays of it. Afterwards a child works with a small part of both. What is given
back here comes again, from the file, when it is used after all; a few dozen page faults.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterable, Iterator

_MADV_DONTNEED = 4


def settle() -> int:
    """Give back what is not in use; return the bytes of code and constants that were let go.

    Works as far as the system allows it, and never fails.
    """
    gc.collect()
    trim()
    try:
        with open("/proc/self/smaps", encoding="utf-8", errors="replace") as file:
            found = list(unchanged(file))
    except OSError:  # no /proc, or not for us
        return 0
    library = ctypes.CDLL(None)
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return sum(size for at, size in found if library.madvise(at, size, _MADV_DONTNEED) == 0)


def trim() -> None:
    """Have the allocator give back all that is free. Takes a millisecond or two."""
    found = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if found is not None:
        found(ctypes.c_size_t(0))


def unchanged(lines: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield address and length of mappings that hold nothing but what stands in their file.

    *lines* are those of proc(5)'s ``smaps``. What may be written, and what was changed before it
    was closed to writing (relocations), is left alone: its pages exist nowhere else.
    """
    place: tuple[int, int] | None = None
    for line in lines:
        words = line.split()
        if not words[0].endswith(":"):
            begin, _, end = words[0].partition("-")
            path = words[5] if len(words) > 5 else ""
            private = words[1].startswith("r") and "w" not in words[1] and words[1].endswith("p")
            place = (int(begin, 16), int(end, 16) - int(begin, 16))
            if not private or not path.startswith("/"):
                place = None
        elif words[0] == "Anonymous:" and place is not None:
            if words[1] == "0":
                yield place
            place = None
