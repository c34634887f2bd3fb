"""The sealed record: a sighting with its place in an agent's sequence.

Field names on the wire are those of the Elastic Common Schema 8 (dotted, flat);
what ECS has no name for stands under ``ronda.``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from collectors.kinds import KINDS, Record, Severity, UnknownKind
from collectors.sighting import Sighting


class InvalidEvent(ValueError):  # noqa: N818 - named for what it is, not for what it does
    """A record that is not an event: the sender's fault. ``str()`` names the field."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What every event carries beside the fields of its kind. Times are ns since 1970, UTC."""

    sequence: int = msgspec.field(name="event.sequence")
    """Position in the agent's epoch, from 1, without holes."""
    kind: str = msgspec.field(name="ronda.kind")
    """Tag of the kind, for example ``file.change``."""
    severity: int = msgspec.field(name="event.severity")
    """A `Severity`."""
    observed: int = msgspec.field(name="@timestamp")
    """When the sensor saw it."""
    created: int = msgspec.field(name="event.created")
    """When the agent sealed it."""
    module: str = msgspec.field(name="event.module")
    """Name of the sensor, or ``agent``, or ``collector``."""


def seal(sighting: Sighting, *, sequence: int, created: int) -> dict[str, Any]:
    """Return the flat wire form of *sighting* at *sequence*. Pure."""
    record: dict[str, Any] = msgspec.to_builtins(sighting.record)
    severity = sighting.severity
    if severity is None:
        severity = type(sighting.record).default_severity
    record["event.sequence"] = sequence
    record["event.severity"] = int(severity)
    record["@timestamp"] = sighting.observed
    record["event.created"] = created
    record["event.module"] = sighting.module
    return record


def open_envelope(record: Mapping[str, Any]) -> Envelope:
    """Check the fields that every event has.

    Raises:
        InvalidEvent: a field is missing, has another type, or is out of range.
    """
    try:
        envelope = msgspec.convert(record, Envelope, strict=True)
    except msgspec.ValidationError as error:
        raise InvalidEvent(str(error)) from error
    if envelope.sequence < 1:
        raise InvalidEvent("event.sequence must be 1 or more")
    if not Severity.FLOW <= envelope.severity <= Severity.CRITICAL:
        raise InvalidEvent("event.severity must be 0 to 4")
    return envelope


def open_record(record: Mapping[str, Any]) -> Record | UnknownKind:
    """Return the typed record of a wire event.

    A kind that this version does not know comes back as `UnknownKind`; fields that it
    does not know are ignored here and kept by whoever stores the mapping itself.

    Raises:
        InvalidEvent: a known kind has a field of another type, or lacks one.
    """
    tag = record.get("ronda.kind")
    known = KINDS.get(tag) if isinstance(tag, str) else None
    if known is None:
        return UnknownKind(tag=str(tag), fields=dict(record))
    try:
        return msgspec.convert(record, known)
    except msgspec.ValidationError as error:
        raise InvalidEvent(f"{tag}: {error}") from error


def event_id(agent: str, epoch: int, sequence: int) -> str:
    """Return the public id of an event; it is its delivery key and so needs no index of its own."""
    return f"{agent}.{epoch}.{sequence}"


def parse_event_id(text: str) -> tuple[str, int, int]:
    """Split an id made by `event_id`.

    Raises:
        InvalidEvent: *text* has another form.
    """
    agent, _, rest = text.partition(".")
    epoch, _, sequence = rest.partition(".")
    if not (
        agent and epoch.isascii() and epoch.isdigit() and sequence.isascii() and sequence.isdigit()
    ):
        raise InvalidEvent(f"not an event id: {text!r} (expected AGENT.EPOCH.SEQUENCE)")
    return agent, int(epoch), int(sequence)
