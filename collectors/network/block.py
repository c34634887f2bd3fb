"""Packets that lie in one piece of memory, described by arrays: what reading is made of.

A block comes from a capture file or from the ring of an interface. Nothing is copied: the memory
belongs to the reader and holds until it is asked for the next block. The more packets a block has,
the less each one costs (about 20,000 are best); one mapping of the whole ring may serve for many
of its parts at once.

Without numpy the arrays are ``array.array``; only `headers_struct` reads those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collectors.network.arrays import Bools, Bytes, Ints

# Link types (https://www.tcpdump.org/linktypes.html); an interface of the kernel is one of them.
NULL, ETHERNET, PPP, PPP_HDLC, RAW, LOOP = 0, 1, 9, 50, 101, 108
SLL, RAW_IP4, RAW_IP6, SLL2 = 113, 228, 229, 276


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Packets in the order they came, all of one link type. Arrays have one value per packet."""

    data: memoryview
    """What the offsets point into. Bytes of it that belong to no packet are never read as one."""
    offset: Ints
    captured: Ints
    """Bytes that are there, from the offset on; they all lie in `data`."""
    wire: Ints
    """Bytes the packet had on the link; not less than `captured`."""
    time: Ints
    """ns since 1970."""
    link: int = ETHERNET
    interfaces: tuple[str, ...] = ("",)
    interface: Ints | None = None
    """Index into `interfaces`; None: all came by the first."""
    outgoing: Bools | None = None
    """Sent by this host (``PACKET_OUTGOING``), where the source says so."""
    vlan: Ints | None = None
    """VLAN id that the kernel took out of the frame (``tp_vlan_tci & 0xfff``), 0: none."""
    heads: Bytes | None = None
    """The first bytes of each packet once more, a row for each: they are read in one stream then,
    not line by line from all over the memory. A reader makes it while they are in the cache."""
    heads_at: int = 0
    """Column of `heads` where the packet begins."""
    loopback: bool = False
    """Each packet is shown twice, going out and coming in: what is `outgoing` is passed over."""

    def __len__(self) -> int:
        return len(self.offset)
