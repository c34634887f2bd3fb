"""What crosses between the capture child and the content child, and what the agent asks and hears.

The two children share a pair of SOCK_SEQPACKET sockets that the agent made: one message is one
piece, whole or not at all. The agent holds an end but never reads it; what it hears, `Heard`, is
redacted.
"""

from __future__ import annotations

import msgspec

from collectors.content.result import CanarySeen, RegisterSeen
from collectors.kinds import DataPart, Scrubbed, Tally

TARGET = "collectors.content.pieces:start"
MAX_DATA = 64 << 10
"""Bytes of one piece that are looked at."""
MAX_MESSAGE = MAX_DATA + (16 << 10)
"""Bytes of a piece with what is known of it; longer messages are cut by the kernel and dropped."""


class Piece(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first bytes of one direction, or a password that crossed in clear. Raw."""

    at: int
    """ns since 1970."""
    protocol: str
    client: bytes
    client_port: int
    server: bytes
    server_port: int
    direction: str
    """As `collectors.network.model.Direction`."""
    from_client: bool
    data: bytes = b""
    seen: int = 0
    size: int = 0
    complete: bool = False
    method: str = ""
    host: str = ""
    path: str = ""
    status: int = 0
    type: str = ""
    """Content type."""
    forwarded: str = ""
    """For whom a proxy asks, by its own account."""
    user: str = ""
    secret: bytes = b""
    """A password; then there is no `data`."""
    how: str = ""
    """Method of a login: ``basic``, ``pass`` ..."""
    database: str = ""
    outcome: str = ""
    """Of a login."""


class Serve(msgspec.Struct, frozen=True, kw_only=True):
    """Read pieces. Descriptors: the channel, then the registers."""

    most: int = 64
    """Pieces that are read for one answer, at most."""
    seconds: float = 0.5
    """Time for all of them: then the rest waits for the next call."""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in one piece. Nothing in it is raw."""

    at: int
    protocol: str
    client: str
    """Address as text."""
    client_port: int
    server: str
    server_port: int
    direction: str
    from_client: bool
    tallies: tuple[Tally, ...]
    canaries: tuple[CanarySeen, ...] = ()
    people: tuple[RegisterSeen, ...] = ()
    parts: tuple[DataPart, ...] = ()
    format: str = ""
    size: int = 0
    """Bytes of the whole body on the wire; 0 where it is not known."""
    scanned: int = 0
    complete: bool = False
    method: Scrubbed = Scrubbed("")
    host: Scrubbed = Scrubbed("")
    path: Scrubbed = Scrubbed("")
    status: int = 0
    type: Scrubbed = Scrubbed("")
    forwarded: str = ""
    """Address for whom a proxy asked, by its own account."""
    account: Scrubbed = Scrubbed("")
    login: bool = False
    """The one tally is the password of a login."""
    how: Scrubbed = Scrubbed("")
    database: Scrubbed = Scrubbed("")
    outcome: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one call gave."""

    heard: tuple[Heard, ...] = ()
    """Only of pieces in which something stands."""
    pieces: int = 0
    """Read."""
    damaged: int = 0
    """Messages that were no piece."""
    unread: int = 0
    """Pieces that could not be looked at whole: encrypted, too deep, too slow."""
