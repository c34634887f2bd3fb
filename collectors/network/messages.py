"""What the sensor in the agent and its bounded child say to each other.

Both sides import this, so nothing here loads numpy. Everything in an `Answer` is scrubbed already.
"""

from __future__ import annotations

import msgspec

from collectors.network.settings import NetworkSettings
from collectors.sighting import Sighting

TARGET = "collectors.network.child:start"
"""The child, for `collectors.child.BoundedChild`."""

ETHERNET = 1
"""Link type: an Ethernet header in front (LINKTYPE_ETHERNET of the pcap registry)."""
RAW_IP = 101
"""Link type: the IP header comes first (LINKTYPE_RAW)."""


class Ring(msgspec.Struct, frozen=True, kw_only=True):
    """A receive ring of the kernel: what the reader must know to map it."""

    interface: str
    link: int = ETHERNET
    block_size: int
    """Bytes; a multiple of the page size."""
    blocks: int
    snap: int
    """Bytes kept of a packet, at most."""

    @property
    def size(self) -> int:
        """Bytes of the whole ring."""
        return self.block_size * self.blocks


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a socket of this host."""

    process: str = ""
    user: str = ""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A new conversation whose owner the child wants to know, as the host's tables name it."""

    key: int
    proto: int
    local: bytes
    local_port: int
    remote: bytes
    remote_port: int


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is told once, by pipe."""

    key: bytes
    """Fleet key, 32 bytes."""
    epoch: int = 0
    settings: NetworkSettings = NetworkSettings()
    memory: bytes = b""
    """What the detectors had learned, as a former child gave it."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One request: work for a while and say what there is."""

    seconds: float = 1.0
    """At most so long; sooner when there is something urgent."""
    opened: tuple[Ring, ...] = ()
    """New rings; their descriptors come along, in this order."""
    closed: tuple[str, ...] = ()
    """Interfaces that are gone."""
    renamed: dict[str, str] = {}
    """Interfaces that have another name, by the one they had; after ``closed``."""
    local: tuple[bytes, ...] | None = None
    """Packed addresses of this host; None: as before."""
    owners: dict[int, Owner] = {}
    """Answers to `Asked`, by key."""
    listeners: dict[str, Owner] | None = None
    """Listening sockets by ``PROTO/PORT`` (``6/443``); None: as before."""
    indicators: bool = False
    """A table of indicators comes along: a descriptor behind those of the rings or the file."""
    file: bool = False
    """A capture file comes along instead: read on until it ends."""
    learned: bool = False
    """Hand out what the detectors have learned."""
    content: bool = False
    """The last descriptor is the channel to the content child (`collectors.content.piece`)."""
    last: bool = False
    """Tell everything that is still held: this is the end."""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """Packets of one ring since the last answer, in the kernel's counting."""

    interface: str
    received: int
    """Those dropped included."""
    dropped: int
    """The ring was full."""
    acked: int = 0
    """Bytes that conversations acknowledged."""
    unseen: int = 0
    """Of these: bytes that never came by, see `collectors.network.acked`."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A ring that cannot be read any more."""

    interface: str
    reason: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What there is."""

    sightings: tuple[Sighting, ...] = ()
    counts: tuple[Count, ...] = ()
    problems: tuple[Problem, ...] = ()
    asked: tuple[Asked, ...] = ()
    passed: int = 0
    """Pieces of content that went to the content child since the start."""
    unpassed: int = 0
    """Pieces for which there was no room."""
    packets: int = 0
    """Packets handed to the flow table since the start."""
    flows: int = 0
    """Conversations in the table now."""
    evicted: dict[str, int] = {}
    """What was forgotten for want of room since the start, by part."""
    missing: tuple[str, ...] = ()
    """Parts that do not work here."""
    memory: bytes = b""
    """What the detectors have learned, when it was asked for."""
    faults: tuple[str, ...] = ()
    """Detectors that failed since the last answer, with type and place of the error."""
    done: bool = False
    """The capture file is read to its end."""
    damage: str = ""
    """Why the capture file could not be read to its end."""
