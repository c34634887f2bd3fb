"""Chooses the packets whose payload is read: the first bytes of each direction, and DNS.

A counter per direction decides, for all rows of a batch at once, so that the bulk of a transfer
costs nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from collectors.network import model
from collectors.network.arrays import Ints
from collectors.network.flow_table import Table
from collectors.network.flows import Batch
from collectors.network.limits import Limits
from collectors.network.model import FIN, RST, SYN

_DNS = np.zeros(65_536, bool)
_DNS[[53, 5353, 5355]] = True
_NO_LIMIT = 1 << 62
_CONTROL = SYN | FIN | RST


class Chosen(NamedTuple):
    """Rows of a batch in the order they came, and where their conversation stands."""

    rows: Ints
    cells: Ints


def choose(batch: Batch, table: Table, limits: Limits) -> Chosen:
    """Return what is to be read of *batch*, and count it."""
    rows, order, starts, counts, index = (
        batch.rows,
        batch.order,
        batch.starts,
        batch.counts,
        batch.cells,
    )
    if not len(index):
        return Chosen(order, index)
    proto = table.proto[index >> 1]
    tcp, udp = proto == model.TCP, proto == model.UDP
    most = np.where(tcp, limits.head, np.where(udp, limits.datagrams, 0))
    named = _DNS[table.port[index]] | _DNS[table.port[index ^ 1]]
    most[udp & named] = _NO_LIMIT
    unread = (table.head[index] < most) | (batch.flags & _CONTROL > 0)
    if not unread.all():
        # The bulk of transfers is left out before anything is counted packet by packet.
        order = order[np.repeat(unread, counts)]
        counts, index, tcp, most = counts[unread], index[unread], tcp[unread], most[unread]
        starts = np.cumsum(counts) - counts
        if not len(index):
            return Chosen(order, index)
    # What counts against the limit: bytes, or datagrams.
    amount = np.where(np.repeat(tcp, counts), rows.payload_size[order], 1)
    running = np.cumsum(amount)
    sums = np.add.reduceat(amount, starts)
    before = running - amount
    before += np.repeat(table.head[index] - before[starts], counts)
    take = (before < np.repeat(most, counts)) & (rows.captured[order] > 0)
    control = rows.flags[order] & _CONTROL
    take |= control > 0
    table.head[index] += sums
    chosen = np.flatnonzero(take)
    group = np.searchsorted(starts, chosen, "right") - 1
    numbers = order[chosen]
    by_time = np.argsort(numbers)
    return Chosen(numbers[by_time], index[group[by_time]])
