"""One number that stands for all rows of the baseline: the collector keeps it, an intruder cannot.

Rows come and go one at a time, in any order, so the commitment is an incremental hash of a set:
AdHash of Bellare and Micciancio, "A New Paradigm for Collision-Free Hashing: Incrementality at
Reduced Cost" (EUROCRYPT 1997): the sum, modulo 2^2048, of one 2048-bit hash (SHAKE128) of each
row. A row that goes is subtracted.

Why it holds: the authors reduce collisions to subset sums. The best attack known is Wagner's
generalised birthday, "A Generalized Birthday Problem" (CRYPTO 2002), which needs about
2^(2 sqrt n) steps for n bits and as many rows: 2^90 for 2048 bits. A sum modulo 2^256 would fall
in 2^32, which is why it is not that short. Changing one row for another with the same root, in a
database of bounded size, costs more still. What is told is SHA-256 of the sum.

A row stands in it with what is always told when it changes: path, mode (type included), owner,
group, digest, attributes. Not times, inode, or how the hashing went.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

WIDTH = 256
"""Bytes of the sum."""
_MASK = (1 << (8 * WIDTH)) - 1
_HEAD = struct.Struct("<4sIIB")
_FORM = b"rb1\0"
"""Version of the form of a row: a change of it needs a new one, and a told transition."""

_shake = hashlib.shake_128


class Commitment(NamedTuple):
    """The sum over a set of rows."""

    total: int = 0
    entries: int = 0
    """How many rows."""

    @property
    def root(self) -> str:
        """Return what is told of it: 64 hex digits."""
        return hashlib.sha256(b"ronda baseline root\0" + self.total_bytes()).hexdigest()

    def total_bytes(self) -> bytes:
        """Return the sum as it is stored."""
        return self.total.to_bytes(WIDTH, "little")

    def moved(self, difference: int, entries: int) -> Commitment:
        """Return it with the sum and the number of rows moved by this much."""
        return Commitment((self.total + difference) & _MASK, self.entries + entries)


def stored(total: bytes, entries: int) -> Commitment:
    """Reverse `Commitment.total_bytes`."""
    return Commitment(int.from_bytes(total, "little"), entries)


def term(
    directory: bytes, name: bytes, rights: bytes, digest: bytes | None, attributes: bytes | None
) -> int:
    """Return what one row adds to the sum. *directory* and *name* are as they are stored.

    *rights*: mode, owner and group, 12 bytes. Every part has its length before it, a fixed size,
    or comes last: no two rows have the same bytes.
    """
    head = _HEAD.pack(_FORM, len(directory), len(name), 0 if digest is None else len(digest))
    data = b"".join((head, rights, directory, name, digest or b"", attributes or b""))
    return int.from_bytes(_shake(data).digest(WIDTH), "little")
