"""Reads a TPACKET_V3 ring in the child: no system call and no copy for a packet.

The kernel fills blocks of a memory area that both sides see and marks each one as the reader's;
the reader hands it back by one store (linux/if_packet.h, ``tpacket_block_desc``, ``tpacket3_hdr``;
Documentation/networking/packet_mmap.rst). Only offsets of headers are gathered here; the packets
stay where they are until the block is released. What lies behind the captured length of a packet
is the rest of an older one: whoever reads keeps to that length.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from collectors.network.arrays import Ints, Numbers
from collectors.network.block import Block
from collectors.network.messages import Ring

_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_USER = 1  # TP_STATUS_USER: the block is the reader's
_STATUS, _COUNT = 8, 12  # block_status; then num_pkts and offset_to_first_pkt
_VLAN_VALID = 0x10  # TP_STATUS_VLAN_VALID
_VLAN_ID = 0x0FFF
_WORD = struct.Struct("<I")
_TWO = struct.Struct("<II")
_HEADER = np.dtype(
    [
        ("next", "<u4"),
        ("sec", "<u4"),
        ("nsec", "<u4"),
        ("snaplen", "<u4"),
        ("length", "<u4"),
        ("status", "<u4"),
        ("mac", "<u2"),
        ("net", "<u2"),
        ("hash", "<u4"),
        ("tci", "<u4"),
    ]
)
_VOID = np.dtype((np.void, _HEADER.itemsize))
_SHARE = 4
_WORTH = 10
"""So many blocks are followed at once rather than one after another."""
MOST = 16384
"""Packets that are handed on at once: the arrays of that many stay in the cache."""

Array = npt.NDArray[Any]


class RingReader:
    """One ring, read by one thread. Owns the descriptor."""

    def __init__(self, descriptor: int, ring: Ring) -> None:
        """Map the ring.

        Raises:
            OSError: it cannot be mapped; the descriptor is closed.
        """
        self.ring = ring
        self._socket = socket.socket(fileno=descriptor)
        try:
            self._map = mmap.mmap(descriptor, ring.size, mmap.MAP_SHARED)
        except BaseException:
            self._socket.close()
            raise
        self._view = memoryview(self._map)
        self._words = self._view.cast("I")
        self._numbers: Numbers = np.frombuffer(self._map, np.uint32)
        # A view that can begin at any byte: header number i is the one at offset i.
        self._headers: Array = np.ndarray(
            shape=(ring.size - _HEADER.itemsize + 1,), dtype=_VOID, buffer=self._map, strides=(1,)
        )
        self._block = 0
        self._taken: list[int] = []
        """Blocks handed out and not released yet."""

    def fileno(self) -> int:
        """Return the descriptor, for poll."""
        return self._socket.fileno()

    @property
    def ready(self) -> bool:
        """Whether there is a block to take."""
        at = self._next * self.ring.block_size + _STATUS
        return bool(_WORD.unpack_from(self._map, at)[0] & _USER)

    @property
    def _next(self) -> int:
        return (self._block + len(self._taken)) % self.ring.blocks

    def gather(self, most: int = MOST) -> Block | None:
        """Take the blocks that are ready, up to about *most* packets; None when there are none.

        What is returned holds until `release`.
        """
        begins: list[int] = []
        counts: list[int] = []
        size, found = self.ring.block_size, 0
        # What is taken is held while it is looked at; the kernel needs the rest of the ring then.
        share = max(1, self.ring.blocks // _SHARE)
        while found < most and len(self._taken) < share and self.ready:
            at = self._next * size
            self._taken.append(at)
            count, first = _TWO.unpack_from(self._map, at + _COUNT)
            if count:
                begins.append(at + first)
                counts.append(count)
                found += count
        if not found:
            self.release()
            return None
        where = self._slots(begins, counts)
        header = self._headers[where].view(_HEADER)
        offset = where + header["mac"]
        captured = np.minimum(header["snaplen"].astype(np.int64), self.ring.size - offset)
        tagged = header["status"] & _VLAN_VALID
        vlan = np.where(tagged, header["tci"] & _VLAN_ID, 0) if tagged.any() else None
        return Block(
            data=self._view,
            offset=offset,
            captured=captured,
            wire=header["length"].astype(np.int64),
            time=header["sec"].astype(np.int64) * 1_000_000_000 + header["nsec"],
            link=self.ring.link,
            interfaces=(self.ring.interface,),
            vlan=None if vlan is None else vlan.astype(np.int64),
        )

    def _slots(self, begins: list[int], counts: list[int]) -> Ints:
        """Return the offsets of the headers of all packets of some blocks."""
        if sum(counts) >= _WORTH * max(counts):
            return self._slots_at_once(np.array(begins), np.array(counts))
        offsets: list[int] = []
        words, add, last = self._words, offsets.append, self.ring.size - _HEADER.itemsize
        for begin, count in zip(begins, counts, strict=True):
            at = begin
            for _ in range(count):
                if at > last:
                    break
                add(at)
                at += words[at >> 2]  # headers are aligned to 16 bytes
        return np.array(offsets, np.int64)

    def _slots_at_once(self, begins: Ints, counts: Ints) -> Ints:
        """Follow the chains of all blocks together: each step waits for memory only once."""
        steps = np.empty((int(counts.max()), len(begins)), np.int64)
        place = begins >> 2
        for step in steps:
            step[:] = place
            place = place + (self._numbers.take(place, mode="clip") >> 2)
        each = np.arange(len(steps))[:, np.newaxis] < counts
        offsets = steps.T[each.T] << 2
        last = self.ring.size - _HEADER.itemsize
        return offsets if int(offsets.max()) <= last else offsets[offsets <= last]

    @property
    def fill(self) -> float:
        """Share of the ring that is taken now, 0 to 1."""
        return len(self._taken) / self.ring.blocks

    def release(self) -> None:
        """Give the taken blocks back to the kernel."""
        for at in self._taken:
            _WORD.pack_into(self._map, at + _STATUS, 0)
        self._block = self._next
        self._taken.clear()

    def counts(self) -> tuple[int, int]:
        """Return packets and drops since the last call, drops counted among the packets.

        The kernel sets both to zero when they are read.
        """
        data = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12)
        packets, drops = struct.unpack_from("II", data)
        return packets, drops

    def error(self) -> str:
        """Return the kernel's word for what is wrong with the interface, empty when nothing is."""
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return os.strerror(code) if code else ""

    def close(self) -> None:
        """Let go of the ring; what was gathered from it must not be used any more."""
        self._taken.clear()
        del self._headers, self._numbers
        self._words.release()
        self._view.release()
        self._map.close()
        self._socket.close()
