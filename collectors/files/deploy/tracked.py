"""Which paths the index of a checkout had before git wrote it anew.

git tells nobody what it deletes: a file that is gone, and not in the index, was deleted by git, or
was never git's. So the names in each index are remembered, as hashes in order, while nothing is
being changed; the two last states of an index count. In memory only: what went while the agent was
away is told singly.
"""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

from collectors.files.deploy.checkout import Checkout, Reader

WIDTH = 8
"""Bytes of a hash, as `collectors.content.git` makes them."""
MAX_CHECKOUTS = 256


class _Names(NamedTuple):
    key: tuple[int, ...]
    """What the index looked like: inode, size, times."""
    now: bytes
    before: bytes


class Tracked:
    """Remembers names. All calls from the sensor's worker."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._names: dict[bytes, _Names] = {}

    def knows(self, checkout: Checkout) -> bool:
        """Tell whether the names of a checkout are remembered."""
        return checkout.git in self._names

    def note(self, checkout: Checkout) -> None:
        """Remember what the index has now; nothing while git is at work."""
        try:
            state = os.lstat(checkout.git + b"/index")
        except OSError:
            return
        key = (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        last = self._names.get(checkout.git)
        if (last is not None and last.key == key) or self._reader.locked(checkout) is not None:
            return
        names = self._reader.tracked(checkout)
        if names is None:
            return
        if last is None and len(self._names) >= MAX_CHECKOUTS:
            self._names.clear()
        self._names[checkout.git] = _Names(key, names, b"" if last is None else last.now)

    def had(self, checkout: Checkout, path: bytes) -> bool:
        """Tell whether the index had *path* (a real path), or something below it."""
        names = self._names.get(checkout.git)
        if names is None:
            return False
        inside = path[len(checkout.work.rstrip(b"/")) + 1 :]
        wanted = hashlib.blake2b(inside, digest_size=WIDTH).digest()
        return _holds(names.now, wanted) or _holds(names.before, wanted)


def _holds(names: bytes, wanted: bytes) -> bool:
    """Tell whether *wanted* is one of the hashes in *names*, which are in order. Pure."""
    low, high = 0, len(names) // WIDTH
    while low < high:
        middle = (low + high) // 2
        found = names[middle * WIDTH : (middle + 1) * WIDTH]
        if found == wanted:
            return True
        low, high = (middle + 1, high) if found < wanted else (low, middle)
    return False
