"""What goes into the content child and what comes out of it (msgpack)."""

from __future__ import annotations

import msgspec

from collectors.content.custom_forms import PREFIX as CUSTOM_PREFIX
from collectors.content.custom_forms import CustomIdentifier
from collectors.kinds import DataPart, Tally, Unread
from collectors.knowledge import Canary

__all__ = [
    "CLEAN",
    "CRASHED",
    "CUSTOM_PREFIX",
    "DAMAGED",
    "ENCRYPTED",
    "FOUND",
    "SAMPLED",
    "TARGET",
    "TIMED_OUT",
    "TOO_LARGE",
    "UNREADABLE",
    "UNSUPPORTED",
    "CanarySeen",
    "CustomIdentifier",
    "Init",
    "RegisterSeen",
    "Request",
    "ScanResult",
]

TARGET = "collectors.content.worker:start"

CLEAN = "clean"
FOUND = "found"
SAMPLED = "sampled"
UNREADABLE = "unreadable"
DAMAGED = "damaged"
ENCRYPTED = "encrypted"
UNSUPPORTED = "unsupported"
TOO_LARGE = "too_large"
TIMED_OUT = "timed_out"
CRASHED = "crashed"


class Init(msgspec.Struct, frozen=True, kw_only=True):
    """Given once, when the child starts."""

    key: bytes
    """Fleet key."""
    epoch: int
    """Epoch of the fleet key."""
    whole: int = 32 << 20
    """Bytes of a file that are looked at without gaps; what follows is sampled."""
    sample_every: int = 16
    """Of the rest, one block in so many is looked at."""
    custom: tuple[CustomIdentifier, ...] = ()
    """What the operator defined."""
    canaries: tuple[Canary, ...] = ()
    """What must not be seen anywhere, as tokens."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One file; its descriptor rides beside the request."""

    name: str = ""
    """Displayed path, for the extension only."""
    size: int = 0
    """Bytes by fstat."""
    seconds: float = 25.0
    """After this the child stops by itself and tells what it has: sooner than it is killed."""
    again: bool = False
    """A child has died of this file: only containers are opened, and in them nothing that foreign
    code reads (PDF, old sheets): their other parts are not lost."""


class CanarySeen(msgspec.Struct, frozen=True, kw_only=True):
    """A canary in the file."""

    id: str
    type: str
    count: int
    """How often; these stand in the tally of the type, too."""


class RegisterSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of people of a register in the file."""

    register: int
    """Which one: its place among the descriptors behind the file's."""
    type: str
    """Of the register's numbers; ``nik`` and ``kk`` may be told as each other in tallies."""
    count: int
    distinct: int
    confirmed: int = 0
    """Numbers beside which another column of the same person stands."""
    sure: bool = False
    """Chance does not explain it."""


class ScanResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. Nothing in it is raw."""

    outcome: str
    """``clean``, ``found``, ``sampled`` (found or not, but not looked at whole), ``unreadable``,
    ``damaged``, ``encrypted``, ``too_large``, ``timed_out``, ``unsupported`` or, when looked at
    again, ``crashed``. What was found before something else went wrong is in `tallies` all the
    same."""
    format: str = "text"
    tallies: tuple[Tally, ...] = ()
    sha256: str | None = None
    """Of the file as it lies there, when it was read whole and something was found in it."""
    scanned: int = 0
    """Bytes looked at, after decompression."""
    parts: tuple[DataPart, ...] = ()
    """Where in the file the values stand, the fullest parts first."""
    unread: tuple[Unread, ...] = ()
    """What could not be read, by outcome."""
    canaries: tuple[CanarySeen, ...] = ()
    """Also of a type or in a column that nothing is told of."""
    people: tuple[RegisterSeen, ...] = ()
    """As canaries."""
