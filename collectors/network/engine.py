"""What becomes of packets: flows, single messages, and the first bytes for those who read streams.

Pure: it has no clock and no socket. The times of the packets drive it, so that a file and a live
interface behave alike; `tick` lets time pass where no packet comes.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from collectors.network import headers, heads, model, singles
from collectors.network.acked import Acked, Acknowledged
from collectors.network.arrays import Ints
from collectors.network.block import Block
from collectors.network.flow_records import parts
from collectors.network.flows import Batch, Flows
from collectors.network.headers import Headers
from collectors.network.limits import SECOND, Limits
from collectors.network.model import Conn, Seen, Streams
from collectors.network.pieces import Pieces

_SPAN = 30 * SECOND
"""Packets taken in together are not further apart, so that time-outs are kept between them."""
_MOST_SPANS = 2048
"""Of one block; times that make no sense do not make it slow."""
_MOST_ROWS = 32_768
_MOST_INTERFACES = 65_536


@dataclass(slots=True)
class Stats:
    """What was seen since the start."""

    packets: int = 0
    bytes: int = 0
    """On the wire."""
    other: int = 0
    """Packets that are neither IP nor ARP."""
    malformed: int = 0
    echoes: int = 0
    """Seen twice by loopback."""
    duplicates: int = 0
    """Seen twice at different places."""
    flows: int = 0
    """Going on now."""
    evicted: int = 0
    """Forgotten for want of room."""
    collisions: int = 0
    read: int = 0
    """Packets handed to the streams."""
    skipped: int = 0
    """ICMP messages and ARP packets beyond what is looked at one by one."""


class Engine:
    """Takes blocks of packets, gives what was seen in them."""

    def __init__(
        self,
        streams: Streams | None,
        *,
        limits: Limits | None = None,
        local: Container[bytes] = frozenset(),
        seed: int | None = None,
        acknowledged: bool = False,
    ) -> None:
        """*local* are the addresses of this host, packed; *seed* makes hashes repeat, for tests.

        Without *streams* only flows and single messages are told. *acknowledged*: look for data
        that never came by.
        """
        self.limits = limits or Limits()
        self._streams = streams
        self._flows = Flows(self.limits, local, seed)
        self._acked = Acknowledged(self._flows.table) if acknowledged else None
        self._pieces = Pieces()
        self._seen: list[Seen] = []
        self._numbers: dict[str, int] = {}
        self._swept = 0
        self._stats = Stats()

    def set_local(self, local: Container[bytes]) -> None:
        """Take note of the addresses of this host; it holds for conversations seen from now on."""
        self._flows.records.set_local(local)

    def rename(self, names: Mapping[str, str]) -> None:
        """Take note that interfaces have other names now; their conversations go on."""
        known = self._flows.records.names
        moved = {new: self._numbers.pop(old) for old, new in names.items() if old in self._numbers}
        for name, number in moved.items():
            self._numbers[name], known[number] = number, name

    def feed(self, block: Block) -> None:
        """Take in the packets of *block*; its memory is not needed afterwards."""
        if not len(block):
            return
        found = headers.parse(block)
        self._count(block, found)
        interface = self._interface(block, found.rows.packet)
        self._arps(block, found)
        rows = found.rows
        if not len(rows):
            return
        self._pieces.join(rows)
        time = block.time[rows.packet]
        place = (interface << 44) + (rows.place << 12) + rows.vlan
        for begin, end in _spans(time, min(self._flows.most, _MOST_ROWS)):
            piece = slice(begin, end)
            part = rows if end - begin == len(rows) else rows.piece(begin, end)
            batch = self._flows.add(part, time[piece], interface[piece], place[piece])
            self._told()
            if self._acked is not None:
                self._acked.take(batch)
            self._read(block.data, batch)
            self._icmps(block.data, batch)
            self._sweep(int(time[end - 1]))

    def tick(self, now: int) -> None:
        """Let time pass up to *now*."""
        self._flows.expire(now)
        self._swept = now
        self._told()

    def finish(self) -> None:
        """End all that goes on: the capture is over."""
        self._flows.end_all()
        self._told()

    def began(self) -> list[Conn]:
        """Return conversations that are new since the last call, the first thousands of many."""
        records = self._flows.records
        made, records.made = records.made, []
        return made

    def drain(self) -> list[Seen]:
        """Return what was seen since the last call."""
        seen, self._seen = self._seen, []
        if self._streams is not None:
            seen += self._streams.drain()
        return seen

    def acked(self) -> dict[str, Acked]:
        """Return what was acknowledged since the last call, by interface."""
        told = self._acked.told() if self._acked is not None else {}
        return {self._flows.records.names[number]: sums for number, sums in told.items()}

    def stats(self) -> Stats:
        """Return the counts since the start."""
        flows, stats = self._flows, self._stats
        stats.flows, stats.evicted = len(flows.table), flows.evicted
        stats.duplicates, stats.collisions = flows.duplicates, flows.collisions
        return stats

    def _count(self, block: Block, found: Headers) -> None:
        stats = self._stats
        stats.packets += len(block)
        stats.bytes += int(block.wire.sum())
        stats.other += found.other
        stats.malformed += found.malformed
        stats.echoes += found.echoes

    def _interface(self, block: Block, packets: Ints) -> Ints:
        """Return the number of the interface of each packet."""
        numbers = np.array([self._number(name) for name in block.interfaces], np.int64)
        if block.interface is None:
            return np.full(len(packets), numbers[0])
        return numbers[block.interface[packets]]

    def _number(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            if len(self._numbers) == _MOST_INTERFACES:
                return 0
            number = self._numbers[name] = len(self._numbers)
            self._flows.records.names.append(name)
        return number

    def _told(self) -> None:
        for flow in self._flows.over():
            if flow.ended and self._streams is not None:
                self._streams.end(flow.conn.key, flow.last)
            self._seen.append(flow)

    def _sweep(self, now: int) -> None:
        if abs(now - self._swept) >= SECOND:
            self.tick(now)

    def _read(self, data: memoryview, batch: Batch) -> None:
        """Hand the first bytes to the streams."""
        table = self._flows.table
        if self._streams is None:
            return
        chosen = heads.choose(batch, table, self.limits)
        self._stats.read += len(chosen.rows)
        for which, index in zip(parts(chosen.rows), parts(chosen.cells), strict=True):
            self._read_part(data, batch, which, index)

    def _read_part(self, data: memoryview, batch: Batch, which: Ints, index: Ints) -> None:
        table, streams, rows = self._flows.table, self._streams, batch.rows
        if streams is None:
            return
        self._flows.records.know(index >> 1)
        client = table.client[index >> 1] == index & 1
        columns = (
            index >> 1,
            client,
            rows.proto[which],
            rows.seq[which],
            rows.flags[which],
            rows.payload[which],
            rows.captured[which],
            batch.time[which],
        )
        for row in zip(*(column.tolist() for column in columns), strict=True):
            slot, from_client, proto, seq, flags, start, length, at = row
            conn = table.conns[slot] or self._flows.records.conn(slot)
            payload = bytes(data[start : start + length])
            if proto == model.TCP:
                streams.segment(conn, from_client, seq, flags, payload, at)
            else:
                streams.datagram(conn, from_client, payload, at)

    def _icmps(self, data: memoryview, batch: Batch) -> None:
        rows = batch.rows
        groups = np.flatnonzero(_IS_ICMP[self._flows.table.proto[batch.cells >> 1]])
        if not len(groups):
            return
        which = np.concatenate(
            [
                np.arange(at, at + count)
                for at, count in zip(
                    batch.starts[groups].tolist(), batch.counts[groups].tolist(), strict=True
                )
            ]
        )
        which = which[rows.payload[batch.order[which]] > 0]
        self._stats.skipped += max(len(which) - self.limits.singles, 0)
        which = which[: self.limits.singles]
        index = batch.cells[np.searchsorted(batch.starts, which, "right") - 1]
        pairs = zip(batch.order[which].tolist(), index.tolist(), strict=True)
        for number, place in sorted(pairs):
            conn = self._flows.records.conn(place >> 1)
            from_client = int(self._flows.table.client[place >> 1]) == place & 1
            message = singles.icmp(data, rows, number, conn, from_client, int(batch.time[number]))
            self._seen.append(message)
            if message.type == singles.ADVERTISEMENT and conn.proto == model.ICMPV6:
                self._seen += singles.advertisement(message)

    def _arps(self, block: Block, found: Headers) -> None:
        self._stats.skipped += max(len(found.arp) - self.limits.singles, 0)
        for number, at in found.arp[: self.limits.singles]:
            which = 0 if block.interface is None else int(block.interface[number])
            name = block.interfaces[which]
            self._seen += singles.arp(block.data[at : at + 28], int(block.time[number]), name)


_IS_ICMP = np.zeros(256, bool)
_IS_ICMP[[model.ICMP, model.ICMPV6]] = True


def _spans(time: Ints, most: int) -> Iterator[tuple[int, int]]:
    """Yield pieces of at most *most* rows, none longer than `_SPAN` unless there are too many."""
    edges = np.zeros(1, np.int64)
    if int(time.max()) - int(time.min()) > _SPAN:
        spans = time // _SPAN
        edges = np.flatnonzero(spans[1:] != spans[:-1]) + 1
        edges = np.concatenate(([0], edges[:: len(edges) // _MOST_SPANS + 1]))
    for begin, end in zip(edges.tolist(), [*edges[1:].tolist(), len(time)], strict=True):
        for start in range(begin, end, most):
            yield start, min(start + most, end)
