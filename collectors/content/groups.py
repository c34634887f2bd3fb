"""Columns and keys: every candidate belongs to one, and is judged with its neighbours in it."""

from __future__ import annotations

from typing import Protocol

from collectors.content.digits import Bytes, Ints
from signatures.identifiers.keys import fold

MOST = 512


class Groups:
    """Numbers for columns. Number 0 is "no column"; so is everything after the first `MOST`."""

    def __init__(self) -> None:
        self.names: list[str] = [""]
        self._ids: dict[tuple[str, str, int], int] = {}

    def number(self, name: str, table: str = "", column: int = -1) -> int:
        """Return the number of a column; *name* as written, empty when it has none."""
        key = (fold(name), table, column)
        known = self._ids.get(key)
        if known is None:
            if key == ("", "", -1) or len(self.names) >= MOST:
                return 0
            known = self._ids[key] = len(self.names)
            self.names.append(key[0])
        return known


class Layout(Protocol):
    """A format that knows which column a place belongs to."""

    @property
    def format(self) -> str:
        """What the file is: ``csv``, ``sql`` ..."""

    @property
    def groups(self) -> Groups:
        """The columns seen so far."""

    def begin(self, data: bytes) -> None:
        """Take the next block of the file; all are given, in order, each once."""

    def assign(self, data: bytes, block: Bytes, starts: Ints) -> Ints:
        """Return the group number for each of *starts* (offsets in *data*, ascending).

        Called any number of times for the block that `begin` took.
        """
