"""Turns rows of the flow table into records."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator
from functools import lru_cache

import numpy as np

from collectors.network import model
from collectors.network.arrays import Ints
from collectors.network.flow_table import Table
from collectors.network.model import ACK, FIN, RST, SYN, Conn, Direction, Flow, State

NEW_SYN, SYN_ACK = 0x40, 0x80
"""Above the flags of TCP, in the table: a SYN without ACK, a SYN with it."""
_FLAGS = 0x3F
_MOST_MADE = 4096


@lru_cache(4096)
def state(proto: int, client: int, server: int, answered: bool, client_reset: bool) -> State:
    """Return how it went: *client* and *server* are the flags each sent, all together."""
    if proto != model.TCP:
        return State.SF if answered else State.S0
    if not client & NEW_SYN and not server & SYN_ACK:
        return State.OTH
    if not server & SYN_ACK:
        if server & RST:
            return State.REJ
        if not server & ACK:
            return State.SH if client & FIN else State.S0
    if client & server & FIN:
        return State.SF
    if (client | server) & RST:
        return State.RSTO if client_reset else State.RSTR
    return State.S1


_DIRECTIONS = {
    (True, True): Direction.INTERNAL,
    (True, False): Direction.OUTBOUND,
    (False, True): Direction.INBOUND,
    (False, False): Direction.EXTERNAL,
}
_MOST_KNOWN = 4096
_MOST_CONNS = 16_384
"""Conversations whose record is at hand; of the others it is made anew when it is needed."""
PART = 2048
"""Rows that are taken out of arrays at once: as many values as objects are much memory."""


def _address(six: bool, high: int, low: int) -> bytes:
    if six:
        return high.to_bytes(8, "little") + low.to_bytes(8, "little")
    return low.to_bytes(4, "little")


def _loops(address: bytes) -> bool:
    return address[0] == 127 if len(address) == 4 else address == bytes(15) + b"\1"


class Records:
    """Makes the records of a table."""

    def __init__(self, table: Table, local: Container[bytes]) -> None:
        self._table = table
        self._local = local
        self._known: dict[bytes, bool] = {}
        self.names: list[str] = []
        """Of the interfaces, by number."""
        self._kept: deque[int] = deque()
        """Slots with a record, the oldest first."""
        self.made: list[Conn] = []
        """Conversations that are new since somebody took them away; the first ones of many."""

    def set_local(self, local: Container[bytes]) -> None:
        """Take note of the addresses of this host."""
        self._local = local
        self._known.clear()

    def _is_local(self, address: bytes) -> bool:
        known = self._known.get(address)
        if known is None:
            if len(self._known) == _MOST_KNOWN:
                self._known.clear()
            known = self._known[address] = address in self._local or _loops(address)
        return known

    def make(self, slots: Ints) -> None:
        """Make the conversations of *slots*, which are new."""
        for part in parts(slots):
            made = self._make(part, new=True)
            self.made += made[: max(_MOST_MADE - len(self.made), 0)]

    def know(self, slots: Ints) -> None:
        """Have the records of *slots*, at most `PART`, stand in the table."""
        conns, kept = self._table.conns, self._kept
        while len(kept) > _MOST_CONNS - PART:
            conns[kept.popleft()] = None
        missing = {slot for slot in slots.tolist() if conns[slot] is None}
        if missing:
            self._make(np.array(sorted(missing)))

    def conn(self, slot: int) -> Conn:
        """Return the record of *slot*."""
        conn = self._table.conns[slot]
        return conn if conn is not None else self._make(np.array([slot]))[0]

    def _make(self, slots: Ints, *, new: bool = False) -> list[Conn]:
        """Make the records; which end is this host is settled when a conversation is new."""
        table, made, here = self._table, [], self._is_local
        ours: list[bool] = []
        client = 2 * slots + table.client[slots]
        server = client ^ 1
        icmp = (table.proto[slots] == model.ICMP) | (table.proto[slots] == model.ICMPV6)
        columns = (
            slots,
            table.key[slots],
            table.proto[slots],
            table.six[slots],
            table.high[client],
            table.low[client],
            np.where(icmp, table.icmp[slots] >> 8, table.port[client]),
            table.high[server],
            table.low[server],
            np.where(icmp, table.icmp[slots] & 255, table.port[server]),
            table.interface[slots],
            table.vlan[slots],
            table.here[client],
            table.here[server],
        )
        for row in zip(*(column.tolist() for column in columns), strict=True):
            slot, key, proto, six, high, low, port, there, other, server_port = row[:10]
            interface, vlan, mine, theirs = row[10:]
            near, far = _address(six, high, low), _address(six, there, other)
            if new:
                mine, theirs = here(near), here(far)
                ours += (mine, theirs)
            conn = table.conns[slot] = Conn(
                key=key,
                proto=proto,
                client=near,
                client_port=port,
                server=far,
                server_port=server_port,
                direction=_DIRECTIONS[mine, theirs],
                interface=self.names[interface],
                vlan=vlan,
            )
            self._kept.append(slot)
            made.append(conn)
        if new:
            table.here[client], table.here[server] = ours[::2], ours[1::2]
        while len(self._kept) > _MOST_CONNS:
            table.conns[self._kept.popleft()] = None
        return made

    def flows(self, slots: Ints, *, ended: bool) -> list[Flow]:
        """Return what the conversations of *slots* amounted to."""
        return [flow for part in parts(slots) for flow in self._flows(part, ended=ended)]

    def _flows(self, slots: Ints, *, ended: bool) -> Iterator[Flow]:
        table = self._table
        self.know(slots)
        client = 2 * slots + table.client[slots]
        server = client ^ 1
        columns = (
            slots,
            np.minimum(table.begin[slots], table.last[slots]),
            table.last[slots],
            table.packets[client],
            table.bytes[client],
            table.packets[server],
            table.bytes[server],
            table.flags[client],
            table.flags[server],
            table.reset[slots] == table.client[slots],
            table.fragments[slots],
        )
        for row in zip(*(column.tolist() for column in columns), strict=True):
            slot, begin, last, packets, size, back, back_size, sent, got, reset, pieces = row
            conn = self.conn(slot)
            yield Flow(
                conn=conn,
                begin=begin,
                last=last,
                client_packets=packets,
                client_bytes=size,
                server_packets=back,
                server_bytes=back_size,
                client_flags=sent & _FLAGS,
                server_flags=got & _FLAGS,
                state=state(conn.proto, sent, got, back > 0, reset),
                ended=ended,
                fragments=pieces,
            )


def parts(numbers: Ints) -> Iterator[Ints]:
    """Yield pieces of *numbers* of at most `PART`."""
    for begin in range(0, len(numbers), PART):
        yield numbers[begin : begin + PART]


_EXTRA = np.zeros(256, np.uint8)
for _flags in range(64):
    _extra = (SYN_ACK if _flags & ACK else NEW_SYN) if _flags & SYN else 0
    _EXTRA[_flags] = _flags | _extra
MARKED = _EXTRA
"""Flags with `NEW_SYN` and `SYN_ACK` among them."""
