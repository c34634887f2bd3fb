"""What all kinds of record share."""

from __future__ import annotations

import enum
from typing import Any, ClassVar, NewType

import msgspec

Scrubbed = NewType("Scrubbed", str)
"""Text that has passed the wall: identifiers masked, control and bidi characters escaped."""


class Severity(enum.IntEnum):
    """How much an event matters; also the order in which a full spool gives way (lowest first)."""

    FLOW = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


def ecs(name: str, default: Any = msgspec.NODEFAULT) -> Any:
    """Return the field whose name on the wire is *name*."""
    return msgspec.field(name=name, default=default)


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="ronda.kind", omit_defaults=True):
    """Base of all kinds."""

    default_severity: ClassVar[Severity] = Severity.LOW
    collector_only: ClassVar[bool] = False
    """The collector alone makes such records; ingest refuses one that an agent sends."""
