"""The columns of the flow table, and where in them a conversation stands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from collectors.network import model
from collectors.network.arrays import Bools, Bytes, Ints, Shorts, Words, zeros


class Table:
    """Conversations by key. A slot is a row; what both directions have is at slot * 2 + side.

    A side is an end: what it sends is the direction of the same number.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.keys: Words = np.zeros(0, np.uint64)
        """Of the conversations there are, in order."""
        self.slots: Ints = np.zeros(0, np.int64)
        """Their slots."""
        self._free = np.arange(size, dtype=np.int32)[::-1].copy()
        self._freed = size
        self.conns: list[model.Conn | None] = [None] * size
        """Who talks there, for those asked for lately; see `flow_records.Records.know`."""

        self.key: Words = zeros(size, np.uint64)
        self.proto: Bytes = zeros(size, np.uint8)
        self.six = zeros(size, np.bool_)
        self.vlan: Ints = zeros(size, np.int64)
        self.interface: Ints = zeros(size, np.int64)
        self.client: Ints = zeros(size, np.int64)
        """Side of the client."""
        self.begin: Ints = zeros(size, np.int64)
        """Of what was not told yet."""
        self.last: Ints = zeros(size, np.int64)
        self.deadline: Ints = zeros(size, np.int64)
        """When it is over, unless more comes."""
        self.closing = zeros(size, np.bool_)
        self.reset: npt.NDArray[np.int8] = zeros(size, np.int8)
        """Side that sent the first RST, -1: none."""
        self.fragments: Ints = zeros(size, np.int64)
        self.icmp: Shorts = zeros(size, np.uint16)
        """Type and code of the first packet."""

        self.high: Words = zeros(2 * size, np.uint64)
        self.low: Words = zeros(2 * size, np.uint64)
        self.port: Shorts = zeros(2 * size, np.uint16)
        self.packets: Ints = zeros(2 * size, np.int64)
        self.bytes: Ints = zeros(2 * size, np.int64)
        self.flags: Bytes = zeros(2 * size, np.uint8)
        self.head: Ints = zeros(2 * size, np.int64)
        """Payload bytes seen (TCP), or datagrams."""
        self.place: Ints = zeros(2 * size, np.int64)
        self.here = zeros(2 * size, np.bool_)
        """Whether the end is this host."""
        self.seen: Ints = zeros(2 * size, np.int64)
        """Time of the last packet of this direction."""

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, keys: Words) -> tuple[Ints, Bools]:
        """Return where each of *keys* is in order, or would be, and whether it is there."""
        where = np.searchsorted(self.keys, keys)
        if not len(self.keys):
            return where, np.zeros(len(keys), bool)
        return where, self.keys[np.minimum(where, len(self.keys) - 1)] == keys

    def add(self, keys: Words, where: Ints) -> Ints:
        """Make room for *keys*, which are in order and new; return their slots."""
        count = len(keys)
        self._freed -= count
        slots = self._free[self._freed : self._freed + count].astype(np.int64)
        self.keys = np.insert(self.keys, where, keys)
        self.slots = np.insert(self.slots, where, slots)
        self.key[slots] = keys
        for column in (self.packets, self.bytes, self.flags, self.head, self.seen):
            column[2 * slots] = 0
            column[2 * slots + 1] = 0
        self.closing[slots] = False
        self.reset[slots] = -1
        self.fragments[slots] = 0
        return slots

    def remove(self, where: Bools) -> None:
        """Forget the conversations that *where* marks, in their order."""
        slots = self.slots[where]
        self._free[self._freed : self._freed + len(slots)] = slots
        self._freed += len(slots)
        self.keys, self.slots = self.keys[~where], self.slots[~where]
        for slot in slots.tolist():
            self.conns[slot] = None
