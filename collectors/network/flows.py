"""The conversations that are going on: a bounded table in columns, both directions together.

One block of packets is taken in at once: the rows are sorted by a keyed hash (`keys`), summed per
conversation and direction, and added to the table at the places that a binary search finds. No
packet and no conversation costs a step of Python; only what begins and what ends does.

Who is the client: who sent a SYN without ACK, or got one with it; else, of a well-known and another
port, the other; else for TCP the higher port, and who sent the first packet. For ICMP who asked.

The same packet is often seen twice: on a bridge and its port, on a tagged interface and its VLAN,
by a capture of all interfaces. The rule: each direction of a conversation belongs to the place
(interface, VLAN, and for cooked captures direction or interface index) where it was first seen;
packets of it from another place are dropped and counted, until it was not seen at its own place for
a second. On one place nothing is dropped: retransmissions are packets.

A full table forgets what was silent longest, a sixteenth at a time, and counts it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

import numpy as np

from collectors.network import model
from collectors.network.arrays import Bools, Bytes, Ints, Words
from collectors.network.flow_records import MARKED, NEW_SYN, SYN_ACK, Records
from collectors.network.flow_table import Table
from collectors.network.headers import Rows
from collectors.network.keys import BOTH, Secret, asked, side
from collectors.network.keys import order as in_order
from collectors.network.limits import Limits
from collectors.network.model import FIN, RST, Flow

_KNOWN = np.zeros(65536, bool)
# Below 1024, and where servers that people run listen (IANA's list and the programs' manuals).
_KNOWN[:1024] = True
_KNOWN[[1080, 1194, 1433, 1521, 1883, 1900, 2049, 2181, 2375, 3000, 3128, 3260, 3306, 3389]] = True
_KNOWN[[5000, 5060, 5222, 5353, 5355, 5432, 5601, 5672, 5900, 6379, 6443, 6667, 8000, 8008]] = True
_KNOWN[[8080, 8081, 8086, 8088, 8443, 8888, 9000, 9042, 9090, 9092, 9200, 9418, 11211, 27017]] = (
    True
)


class Batch(NamedTuple):
    """Rows as they were taken in, sorted into groups of one conversation and direction."""

    rows: Rows
    time: Ints
    order: Ints
    """Numbers of the rows, group by group, in each group in the order they came."""
    starts: Ints
    """Where in `order` the groups begin."""
    counts: Ints
    cells: Ints
    """Of each group: slot * 2 + side of the sender."""
    flags: Bytes
    """Of each group, those of all its rows."""


class _Groups(NamedTuple):
    order: Ints
    starts: Ints
    counts: Ints
    key: Words
    side: Ints
    first: Ints
    """Number of the first row."""
    begin: Ints
    """Its time."""
    flags: Bytes


class Flows:
    """Takes rows in, and tells what ended."""

    def __init__(
        self, limits: Limits, local: Container[bytes] = (), seed: int | None = None
    ) -> None:
        self.limits = limits
        self.table = Table(limits.flows)
        self.records = Records(self.table, local)
        self._secret = Secret(seed)
        self._over: list[Flow] = []
        self.most = max(limits.flows // 2, 1)
        """Rows that can be taken in at once."""
        self.evicted = 0
        self.duplicates = 0
        self.collisions = 0

    def add(self, rows: Rows, time: Ints, interface: Ints, place: Ints) -> Batch:
        """Take in *rows*, at most `most`; *interface* and *place* are numbers, one for each."""
        groups = self._groups(rows, time)
        where, there = self.table.find(groups.key)
        twice = self._twice(groups, where, there, place)
        if twice is not None:
            self.duplicates += int(np.count_nonzero(twice))
            keep = np.flatnonzero(~twice)
            return self.add(rows.take(keep), time[keep], interface[keep], place[keep])
        if self._close_stale(groups, where, there):
            where, there = self.table.find(groups.key)
        slots, fresh = self._slots(groups, where, there)
        index = 2 * slots + groups.side
        if len(fresh):
            self._begin(rows, groups, slots, fresh, (interface, place))
        if not there.all():
            new = np.flatnonzero(~there)
            self.table.place[index[new]] = place[groups.first[new]]
        self._check(rows, groups, index)
        self._sum(rows, time, groups, index)
        return Batch(rows, time, groups.order, groups.starts, groups.counts, index, groups.flags)

    def over(self) -> list[Flow]:
        """Return what ended or was cut since the last call."""
        over, self._over = self._over, []
        return over

    def expire(self, now: int) -> None:
        """End what is silent for too long, cut what goes on for long."""
        table = self.table
        ended = table.deadline[table.slots] < now
        if ended.any():
            self._end(ended)
        slots = table.slots
        long = slots[now - table.begin[slots] >= self.limits.active]
        long = long[(table.packets[2 * long] + table.packets[2 * long + 1]) > 0]
        if len(long):
            self._over += self.records.flows(long, ended=False)
            table.begin[long] = now
            table.fragments[long] = 0
            for column in (table.packets, table.bytes):
                column[2 * long] = 0
                column[2 * long + 1] = 0

    def end_all(self) -> None:
        """End everything: nothing more comes."""
        self._end(np.ones(len(self.table), bool))

    def _groups(self, rows: Rows, time: Ints) -> _Groups:
        keys = self._secret.keys(rows)
        order, ordered = in_order(keys)
        edge = np.ones(len(ordered), bool)
        np.not_equal(ordered[1:], ordered[:-1], out=edge[1:])
        starts = np.flatnonzero(edge)
        first = order[starts]
        key = ordered[starts]
        flags = MARKED[rows.flags[order]]
        return _Groups(
            order=order,
            starts=starts,
            counts=np.diff(starts, append=len(order)),
            key=key & BOTH,
            side=side(key),
            first=first,
            begin=time[first],
            flags=np.bitwise_or.reduceat(flags, starts) if len(starts) else flags,
        )

    def _twice(self, groups: _Groups, where: Ints, there: Bools, place: Ints) -> Bools | None:
        """Return which rows are seen a second time, None where there are none."""
        own = place[groups.first]
        known = np.flatnonzero(there)
        if len(known):
            index = 2 * self.table.slots[where[known]] + groups.side[known]
            seen = self.table.seen[index]
            held = (seen > 0) & (groups.begin[known] - seen <= self.limits.place)
            own[known] = np.where(held, self.table.place[index], own[known])
            self.table.place[index] = own[known]
        other = place[groups.order] != np.repeat(own, groups.counts)
        if not other.any():
            return None
        twice = np.zeros(len(place), bool)
        twice[groups.order[other]] = True
        return twice

    def _close_stale(self, groups: _Groups, where: Ints, there: Bools) -> bool:
        """End conversations whose ports are used anew; return whether there were any."""
        table = self.table
        known = np.flatnonzero(there)
        slots = table.slots[where[known]]
        stale = groups.begin[known] > table.deadline[slots]
        stale |= table.closing[slots] & (groups.flags[known] & NEW_SYN > 0)
        if not stale.any():
            return False
        ended = np.zeros(len(table), bool)
        ended[where[known[stale]]] = True
        self._end(ended)
        return True

    def _slots(self, groups: _Groups, where: Ints, there: Bools) -> tuple[Ints, Ints]:
        """Return the slot of each group, and the groups that begin a conversation."""
        table = self.table
        slots = np.zeros(len(there), np.int64)
        slots[there] = table.slots[where[there]]
        if there.all():
            return slots, np.zeros(0, np.int64)
        begins = ~there
        begins[1:] &= groups.key[1:] != groups.key[:-1]
        fresh = np.flatnonzero(begins)
        if len(table) + len(fresh) > table.size:
            self._evict(len(fresh), slots[there])
            where = table.find(groups.key)[0]
        made = table.add(groups.key[fresh], where[fresh])
        # The other direction follows right behind.
        new = np.flatnonzero(~there)
        slots[new] = made[np.cumsum(begins)[new] - 1]
        return slots, fresh

    def _evict(self, wanted: int, used: Ints) -> None:
        table = self.table
        last = table.last[table.slots]
        busy = np.zeros(table.size, bool)
        busy[used] = True
        last[busy[table.slots]] = np.iinfo(np.int64).max
        spare = len(table) - int(np.count_nonzero(busy))
        count = max(len(table) + wanted - table.size, min(table.size // 16, spare))
        oldest = np.zeros(len(table), bool)
        oldest[np.argpartition(last, count - 1)[:count]] = True
        self.evicted += count
        self._end(oldest)

    def _end(self, which: Bools) -> None:
        self._over += self.records.flows(self.table.slots[which], ended=True)
        self.table.remove(which)

    def _begin(
        self,
        rows: Rows,
        groups: _Groups,
        slots: Ints,
        fresh: Ints,
        seen: tuple[Ints, Ints],
    ) -> None:
        """Fill the rows of new conversations from their first packets."""
        table = self.table
        slot, side, first = slots[fresh], groups.side[fresh], groups.first[fresh]
        other = np.minimum(fresh + 1, len(slots) - 1)
        both = np.flatnonzero((slots[other] == slot) & (other != fresh))
        # Flags that each side sent; side 0 comes first where both did.
        flags = np.zeros((2, len(fresh)), np.uint8)
        flags[side, np.arange(len(fresh))] = groups.flags[fresh]
        flags[1, both] = groups.flags[other[both]]
        later = both[groups.first[other[both]] < first[both]]
        first[later], side[later] = groups.first[other[later]], 1

        mine, theirs = 2 * slot + side, 2 * slot + 1 - side
        table.high[mine], table.high[theirs] = rows.source_high[first], rows.destination_high[first]
        table.low[mine], table.low[theirs] = rows.source[first], rows.destination[first]
        table.port[mine], table.port[theirs] = rows.source_port[first], rows.destination_port[first]
        table.proto[slot], table.six[slot] = rows.proto[first], rows.six[first]
        table.vlan[slot], table.interface[slot] = rows.vlan[first], seen[0][first]
        table.begin[slot] = table.last[slot] = groups.begin[fresh]
        table.begin[slot[later]] = groups.begin[other[later]]
        kind = rows.source_port[first]
        table.icmp[slot] = (kind & 255) << 8 | rows.destination_port[first] & 255
        table.client[slot] = _client(rows, first, side, flags)
        self.records.make(slot)

    def _check(self, rows: Rows, groups: _Groups, index: Ints) -> None:
        """Count conversations that share a hash."""
        table, first = self.table, groups.first
        same = (rows.source[first] == table.low[index]) & (
            rows.destination[first] == table.low[index ^ 1]
        )
        if not same.all():
            self.collisions += int(np.count_nonzero(~same))

    def _sum(self, rows: Rows, time: Ints, groups: _Groups, index: Ints) -> None:
        if not len(index):
            return
        table, order, starts = self.table, groups.order, groups.starts
        slots = index >> 1
        table.packets[index] += groups.counts
        table.bytes[index] += np.add.reduceat(rows.size[order], starts)
        table.flags[index] |= groups.flags
        last = time[order[starts + groups.counts - 1]]
        table.seen[index] = np.maximum(table.seen[index], last)
        table.last[slots] = np.maximum(table.seen[2 * slots], table.seen[2 * slots + 1])
        pieces = rows.fragment[order] > 0
        if pieces.any():
            np.add.at(table.fragments, slots, np.add.reduceat(pieces.astype(np.int64), starts))
        if np.bitwise_or.reduce(groups.flags) & (RST | FIN):
            self._note_resets(groups, rows, index)
        table.deadline[slots] = table.last[slots] + self._patience(slots)

    def _note_resets(self, groups: _Groups, rows: Rows, index: Ints) -> None:
        table = self.table
        broken = np.flatnonzero(groups.flags & RST)
        if len(broken):
            # The first RST of each direction; the earlier of the two is written last.
            at = np.flatnonzero(rows.flags[groups.order] & RST)
            group = np.searchsorted(groups.starts, at, "right") - 1
            by_time = np.argsort(groups.order[at])[::-1]
            index_of = index[group[by_time]]
            none = table.reset[index_of >> 1] < 0
            table.reset[index_of[none] >> 1] = index_of[none] & 1
        slots = index >> 1
        flags = table.flags[2 * slots], table.flags[2 * slots + 1]
        over = (flags[0] & flags[1] & FIN) | ((flags[0] | flags[1]) & RST)
        table.closing[slots] |= (over > 0) & (table.proto[slots] == model.TCP)

    def _patience(self, slots: Ints) -> Ints:
        table, limits = self.table, self.limits
        tcp = table.proto[slots] == model.TCP
        patience = np.where(tcp, limits.tcp_idle, limits.idle)
        seen = table.flags[2 * slots], table.flags[2 * slots + 1]
        asking = ((seen[0] | seen[1]) & NEW_SYN > 0) & ((seen[0] == 0) | (seen[1] == 0))
        patience[asking] = limits.attempt
        patience[table.closing[slots]] = limits.linger
        return patience


def _client(rows: Rows, first: Ints, side: Ints, flags: Bytes) -> Ints:
    """Return the side of the client of new conversations; *side* sent the row *first*."""
    source, destination = rows.source_port[first], rows.destination_port[first]
    proto = rows.proto[first]
    known = _KNOWN[source]
    tcp = proto == model.TCP
    # Who sent first is the client, unless the ports say that it answers.
    answers = known & ~_KNOWN[destination]
    answers |= tcp & (known == _KNOWN[destination]) & (source < destination)
    icmp = np.flatnonzero((proto == model.ICMP) | (proto == model.ICMPV6))
    if len(icmp):
        answers[icmp] = asked(proto[icmp], source[icmp]) != source[icmp]
    client = np.where(answers, 1 - side, side)
    if tcp.any():
        for each in (1, 0):
            client = np.where(flags[each] & SYN_ACK > 0, 1 - each, client)
        opened = flags & NEW_SYN > 0
        client = np.where(opened[0] & ~opened[1], 0, client)
        client = np.where(opened[1] & ~opened[0], 1, client)
        client = np.where(opened[0] & opened[1], side, client)
    return client
