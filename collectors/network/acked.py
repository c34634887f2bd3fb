"""Data that was acknowledged and never came by: loss that the kernel does not count.

What a receiver acknowledges, it has; where the sensor has not seen those bytes, they passed it by:
lost by the card or by overload, on another way (asymmetric routes), or kept from it. The idea is
Zeek's (``policy/misc/capture-loss.zeek``), counted here in bytes and for all conversations of a
batch at once.

Of each direction the end of what was seen is known (`next`), and how many bytes before it are
missing (`hole`): what the sequence numbers moved on by, less what came. A retransmission fills a
hole, and without one changes nothing. An acknowledgement that leaves less outstanding than is
missing, or one beyond the end, shows how much was delivered all the same. As bytes are counted and
no places kept, what is still on its way hides as much of a loss until it is acknowledged.

Quiet: conversations whose beginning was not seen, for two seconds (what was on its way then);
after RST; with fragments; where the directions come by different interfaces, which are read one
after the other. What others acknowledge of this host's data beyond what it sent is not believed:
anybody can send such a packet, and the kernel drops it (RFC 9293 3.10.7.4).

While many conversations go on, an eighth of those that begin is followed, chosen by the keyed hash,
which nobody can foresee.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from collectors.network import model
from collectors.network.arrays import Bools, Bytes, Ints, Numbers, zeros
from collectors.network.flow_records import NEW_SYN, SYN_ACK
from collectors.network.flow_table import Table
from collectors.network.flows import Batch
from collectors.network.headers import Rows
from collectors.network.limits import SECOND
from collectors.network.model import ACK, FIN, RST, SYN

_GRACE = 2 * SECOND
_FAR = 1 << 24
"""Bytes; who jumps further is followed, and nothing is concluded from it."""
_MANY = 256
"""Conversations in the table; where there are more, a part of the new ones speaks for all."""
_PART = np.uint64(7)
_NEVER = np.iinfo(np.int64).max
_OPENS = NEW_SYN | SYN_ACK


@dataclass(slots=True)
class Acked:
    """What was acknowledged on one interface."""

    bytes: int = 0
    unseen: int = 0
    """Bytes of these that never came by."""
    holes: int = 0
    """How often that was noticed."""


class _Groups(NamedTuple):
    """The groups of a batch that are followed; see `flows.Batch`."""

    order: Ints
    starts: Ints
    counts: Ints
    cells: Ints
    flags: Bytes
    last: Ints
    """Number of the last row."""
    begin: Ints
    """Time of the first."""


class Acknowledged:
    """Follows the sequence numbers of the conversations in a table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        size = table.size
        # Of each slot: whose it was when it was last looked at, and from when on it is judged.
        self._key = zeros(size, np.uint64)
        self._followed = zeros(size, np.bool_)
        self._from: Ints = zeros(size, np.int64)
        # Of each direction.
        self._known = zeros(2 * size, np.bool_)
        self._next: Numbers = zeros(2 * size, np.uint32)
        self._hole: Ints = zeros(2 * size, np.int64)
        self._acked: Numbers = zeros(2 * size, np.uint32)
        self._sums: dict[int, Acked] = {}

    def take(self, batch: Batch) -> None:
        """Look at rows that the table has taken in."""
        slots = batch.cells >> 1
        other = np.flatnonzero(self._key[slots] != self._table.key[slots])
        if len(other):
            self._begin(slots[other], batch.time[batch.order[batch.starts[other]]])
        groups = self._groups(batch, self._followed[slots])
        if groups is None:
            return
        self._limit(groups)
        self._seen(batch.rows, groups)
        self._judge(batch.rows, groups)

    def told(self) -> dict[int, Acked]:
        """Return the sums since the last call, by number of the interface."""
        sums, self._sums = self._sums, {}
        return sums

    def _begin(self, slots: Ints, at: Ints) -> None:
        """Take note of conversations that are new, each first seen *at*."""
        table = self._table
        key = self._key[slots] = table.key[slots]
        followed = table.proto[slots] == model.TCP
        if len(table) > _MANY:
            followed &= key & _PART == 0
        self._followed[slots] = followed
        self._from[slots] = at + _GRACE
        self._known[2 * slots] = self._known[2 * slots + 1] = False

    @staticmethod
    def _groups(batch: Batch, which: Bools) -> _Groups | None:
        """Return those of the groups that are followed."""
        order, starts, counts = batch.order, batch.starts, batch.counts
        cells, flags = batch.cells, batch.flags
        few = np.flatnonzero(which)
        if not len(few):
            return None
        if len(few) < len(which):
            counts, cells, flags = counts[few], cells[few], flags[few]
            begins = np.cumsum(counts) - counts
            # No step over the rows of the others, which are most.
            order = order[np.arange(counts.sum()) + np.repeat(starts[few] - begins, counts)]
            starts = begins
        last, begin = order[starts + counts - 1], batch.time[order[starts]]
        return _Groups(order, starts, counts, cells, flags, last, begin)

    def _limit(self, groups: _Groups) -> None:
        """Take note of what was seen from its beginning, and of what cannot be followed."""
        slots = groups.cells >> 1
        opened = np.flatnonzero(groups.flags & _OPENS)
        if len(opened):
            self._known[groups.cells[opened]] = False
            self._from[slots[opened]] = 0
        broken = (groups.flags & RST > 0) | (self._table.fragments[slots] > 0)
        if broken.any():
            self._from[slots[broken]] = _NEVER

    def _seen(self, rows: Rows, groups: _Groups) -> None:
        """Move on to the end of what was seen."""
        cells, last, starts = groups.cells, groups.last, groups.starts
        came = np.add.reduceat(rows.payload_size[groups.order], starts)
        end = rows.seq[last] + rows.payload_size[last].astype(np.uint32)
        # Begins where the one before ended, and ends as much further on as came.
        origin = self._next[cells]
        plain = (rows.seq[groups.order[starts]] == origin) & (_ahead(end, origin) == came)
        plain |= (came == 0) & (end == origin)
        plain &= self._known[cells] & (groups.flags & (SYN | FIN) == 0)
        self._next[cells[plain]] = end[plain]
        if not plain.all():
            self._mend(rows, groups, ~plain)

    def _mend(self, rows: Rows, groups: _Groups, odd: Bools) -> None:
        """Do the same where something is new, missing, out of order or sent again."""
        order = groups.order[np.repeat(odd, groups.counts)]
        counts, cells = groups.counts[odd], groups.cells[odd]
        starts = np.cumsum(counts) - counts
        known, seq = self._known[cells], rows.seq[order]
        origin = np.where(known, self._next[cells], seq[starts])
        flags = rows.flags[order]
        amount = rows.payload_size[order] + (flags >> 1 & 1) + (flags & 1)  # SYN and FIN count
        ends = _ahead(seq + amount.astype(np.uint32), np.repeat(origin, counts))
        on = np.maximum(np.maximum.reduceat(ends, starts), 0)
        hole = np.where(known, self._hole[cells], 0) + on - np.add.reduceat(amount, starts)
        # A beginning that was seen is known to be one.
        hole[(~known & (flags[starts] & SYN == 0)) | (on > _FAR)] = 0
        self._hole[cells] = np.clip(hole, 0, _FAR)
        self._next[cells] = origin + on.astype(np.uint32)
        fresh = cells[~known]
        self._acked[fresh] = origin[~known]
        self._known[fresh] = True

    def _judge(self, rows: Rows, groups: _Groups) -> None:
        """Compare with what the other end acknowledges."""
        acks = rows.flags[groups.last] & (ACK | RST) == ACK
        mine = groups.cells[acks]
        theirs, slots = mine ^ 1, mine >> 1
        ack = rows.ack[groups.last[acks]]
        table = self._table
        new = theirs[~self._known[theirs]]
        if len(new):
            self._next[new] = self._acked[new] = ack[~self._known[theirs]]
            self._hole[new] = 0
            self._known[new] = True
        # Of what is not this host's own word only that is believed which was seen.
        left, trusted = _ahead(self._next[theirs], ack), table.here[mine]
        on = _ahead(ack, self._acked[theirs])
        valid = ((left >= 0) | trusted) & (on > 0)
        hole = self._hole[theirs]
        beyond = np.maximum(-left, 0)
        unseen = np.where(left < 0, hole + beyond, np.maximum(hole - left, 0))
        unseen[~valid] = 0
        judged = groups.begin[acks] >= self._from[slots]
        judged &= (table.seen[theirs] == 0) | (table.place[mine] == table.place[theirs])
        near = judged & valid & (on <= _FAR) & (beyond <= _FAR)
        self._acked[theirs[valid]] = ack[valid]
        ahead = valid & (left < 0)
        self._next[theirs[ahead]] = ack[ahead]
        self._hole[theirs] = np.where(judged, np.maximum(hole - unseen, 0), 0)
        self._sum(table.interface[slots[near]], on[near], unseen[near])

    def _sum(self, interface: Ints, acked: Ints, unseen: Ints) -> None:
        if not len(interface):
            return
        first = int(interface[0])
        apart = bool((interface != first).any())
        for number in np.unique(interface).tolist() if apart else [first]:
            which = interface == number if apart else slice(None)
            sums = self._sums.setdefault(number, Acked())
            sums.bytes += int(acked[which].sum())
            sums.unseen += int(unseen[which].sum())
            sums.holes += int(np.count_nonzero(unseen[which]))


def _ahead(one: Numbers, other: Numbers) -> Ints:
    """Return how far *one* is ahead of *other*, around the end of the numbers (RFC 9293 3.4)."""
    return (one - other).view(np.int32).astype(np.int64)
