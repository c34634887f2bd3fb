"""What is asked of the dissecting child and what it answers (msgpack)."""

from __future__ import annotations

import msgspec

from collectors.kinds import Scrubbed

TARGET = "collectors.network.dissect.program:start"
"""For `collectors.child.BoundedChild`; by name, for nothing imports it."""

CATEGORIES = ("arp", "dhcp", "icmp", "smb", "kerberos", "other")
NOTHING, HEADERS, WHOLE = "", "headers", "whole"


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Read on in a capture file: the one whose descriptor comes along, or the one before."""

    skip: int = 0
    """Packets to be passed over, when a file comes along."""
    packets: int = 500
    """Packets that are read, at most."""
    most: int = 100
    """Of these so many are explained, at most."""
    categories: tuple[str, ...] = CATEGORIES
    frames: str = NOTHING
    """Hand out the frames, too: ``headers`` without what they carry, or ``whole``."""


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One packet in words, scrubbed."""

    number: int
    """In the file, from 1."""
    at: int
    """ns since 1970."""
    category: str
    length: int
    """Bytes on the wire."""
    layers: Scrubbed
    text: Scrubbed
    facts: tuple[Scrubbed, ...] = ()


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A frame for a snippet."""

    at: int
    length: int
    """Bytes on the wire."""
    data: bytes


class Dissected(msgspec.Struct, frozen=True, kw_only=True):
    """An answer."""

    explained: tuple[Explained, ...] = ()
    frames: tuple[Frame, ...] = ()
    link: int = 1
    """Link type of the frames."""
    read: int = 0
    """Packets read from the file so far, those passed over included."""
    done: bool = False
    damage: str = ""
    """Why the file could not be read to its end."""
