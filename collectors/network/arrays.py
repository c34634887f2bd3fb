"""Names of the kinds of numpy arrays that packets are described by, and room for long ones."""

from __future__ import annotations

import mmap
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Shorts: TypeAlias = npt.NDArray[np.uint16]
Numbers: TypeAlias = npt.NDArray[np.uint32]
Words: TypeAlias = npt.NDArray[np.uint64]

_Kind = TypeVar("_Kind", bound=np.generic)


def zeros(count: int, kind: type[_Kind]) -> npt.NDArray[_Kind]:
    """Return zeros that take memory only from where something is written.

    The allocator's may lie in memory that was used before, and are written then.
    """
    pages = mmap.mmap(
        -1, count * np.dtype(kind).itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    )
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, kind)
