"""A window that moves over a capture file, and the numbers at many places of it at once."""

from __future__ import annotations

import array
import contextlib
import importlib.util
import mmap
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collectors.network.arrays import Bytes, Ints

HAS_NUMPY = importlib.util.find_spec("numpy") is not None

CHUNK = 12 << 20
"""Bytes read at once; what the reader needs, whatever the size of the file."""
STEP = 1 << 20
"""Bytes of one system call."""
HEAD = 80
"""Bytes of a record that are copied: its own header and those of Ethernet, a VLAN, IP and TCP."""
LARGEST = 4 << 20
"""Bytes of the largest packet believed in: the kernel makes 512 KiB at most (BIG TCP)."""
MOST = 32_768
"""Packets of a block."""


class CaptureError(Exception):
    """The file is no capture, or what follows makes no sense; ``str()`` says what and where."""


class Window:
    """The part of a file that is in memory. The memory is used again: views of it go stale."""

    def __init__(self, read_into: Callable[[memoryview], int], size: int = CHUNK) -> None:
        """*read_into* fills a view and returns how many bytes, 0 at the end of the file."""
        self._read_into = read_into
        self.whole = _room(size + HEAD)
        """The window, and room behind it, so that a head can always be copied whole."""
        self.data = self.whole[:size]
        self.position = 0
        """Where the next record begins."""
        self.end = 0
        """Where what was read ends."""
        self.base = 0
        """Byte of the file at the beginning of the window."""
        self._over = False

    def need(self, count: int) -> bool:
        """Have *count* bytes behind the position in memory; False where the file ends before."""
        if self.end - self.position >= count:
            return True
        self.forward()
        if count > len(self.data):
            self._enlarge(count)
        while self.end < count and self._more():
            pass
        return self.end >= count

    def more(self) -> bool:
        """Read one step more; False where the file ends, or the window."""
        return self.end < len(self.data) and self._more()

    def fill(self) -> bool:
        """Read as much as there is room for; False when nothing is left."""
        self.forward()
        while self.more():
            pass
        return self.end > 0

    def grow(self) -> bool:
        """Make room for a record longer than the window; False where the file has no more."""
        if self._over:
            return False
        self._enlarge(2 * len(self.data))
        return True

    def skip(self, count: int) -> bool:
        """Move the position on by *count* bytes that need not be kept."""
        while count > self.end - self.position:
            count -= self.end - self.position
            self.position = self.end
            if not self.fill():
                return False
        self.position += count
        return True

    def _more(self) -> bool:
        got = 0 if self._over else self._read_into(self.data[self.end : self.end + STEP])
        self._over = not got
        self.end += got
        return got > 0

    def forward(self) -> None:
        """Make room: let the window begin at the position."""
        rest = self.end - self.position
        self.data[:rest] = self.data[self.position : self.end]
        self.base += self.position
        self.position, self.end = 0, rest

    def _enlarge(self, size: int) -> None:
        size = min(size, max(2 * LARGEST, len(self.data)))
        larger = _room(size + HEAD)
        larger[: self.end] = self.data[: self.end]
        self.whole, self.data = larger, larger[:size]


def _room(size: int) -> memoryview:
    """Return memory of zeros, in large pages where the kernel has any: that is faster to fill."""
    room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):
        room.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(room)


class Heads:
    """The first bytes of each record of a block, copied out of the window."""

    def __init__(self) -> None:
        import numpy as np

        self._rows = np.empty((MOST, HEAD), np.uint8)
        self.places: Ints = np.empty(0, np.int64)
        """Where the records begin."""
        self.size = CHUNK // MOST
        """Bytes of a record, on average."""

    def take(self, whole: memoryview, places: Ints, end: int) -> None:
        """Copy the heads of the records at *places*, at most `MOST`; the last one ends at *end*."""
        import numpy as np

        row = np.dtype((np.void, HEAD))
        found = np.ndarray((len(whole) - HEAD + 1,), row, buffer=whole, strides=(1,))
        self._rows[: len(places)] = found[places].view(np.uint8).reshape(-1, HEAD)
        self.places = places
        if len(places):
            self.size = (end - int(places[0])) // len(places) + 1

    def rows(self) -> Bytes:
        """Return the heads, one row each; they hold until the next block."""
        return self._rows[: len(self.places)]


def columns(data: memoryview, at: Ints, order: str, count: int) -> list[Ints]:
    """Return *count* 32-bit numbers that stand one after another at each place, as columns."""
    import numpy as np

    whole = np.dtype((np.void, 4 * count))
    places = len(data) - whole.itemsize + 1
    found = np.ndarray((places,), whole, buffer=data, strides=(1,))[at]
    table = found.view(f"{order}u4").reshape(-1, count)
    return [table[:, number].astype(np.int64) for number in range(count)]


def rows(data: memoryview, at: Sequence[int], order: str, count: int) -> list[tuple[int, ...]]:
    """Return the same without numpy, as rows."""
    form = struct.Struct(f"{order}{count}I")
    return [form.unpack_from(data, place) for place in at]


def plain(values: Sequence[int]) -> Ints:
    """Return *values* as the array of a block where numpy is absent."""
    # Looks enough like numpy's for a reader that takes one value at a time.
    return cast("Ints", array.array("q", values))
