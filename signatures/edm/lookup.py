"""A register that is mapped into memory: asked by hash, never read whole."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from signatures.edm.form import Header, head_size, parse
from signatures.edm.vector import Hashes
from signatures.edm.xor import Filter


class Lookup:
    """The filters of one register. Pages come in from the page cache as they are asked."""

    def __init__(self, descriptor: int) -> None:
        """Map the file behind *descriptor*, which may be closed afterwards.

        Raises:
            BadRegister: it is no register.
            OSError: it cannot be mapped.
        """
        size = os.fstat(descriptor).st_size
        self.header: Header = parse(os.pread(descriptor, head_size(), 0), size)
        self._map = mmap.mmap(descriptor, size, mmap.MAP_SHARED, mmap.PROT_READ)
        self.numbers: dict[str, Filter] = {}
        self.pairs: dict[str, Filter] = {}
        self.entries: dict[str, int] = {}
        for section in self.header.sections:
            cells = np.frombuffer(
                self._map, np.dtype("<u4"), 3 * section.block, offset=section.offset
            )
            chosen = self.pairs if section.pairs else self.numbers
            chosen[section.type] = Filter(section.seed, section.block, cells)
            if not section.pairs:
                self.entries[section.type] = section.entries

    def contains(self, type_: str, hashes: Hashes) -> NDArray[np.bool_]:
        """Return which of *hashes* are of numbers in the register."""
        known = self.numbers.get(type_)
        return known.contains(hashes) if known else np.zeros(len(hashes), np.bool_)

    def confirms(self, type_: str, hashes: Sequence[int]) -> bool:
        """Tell whether one of *hashes* is of a number with another column of its person."""
        known = self.pairs.get(type_)
        if known is None or not hashes:
            return False
        return bool(known.contains(np.array(hashes, np.uint64)).any())
