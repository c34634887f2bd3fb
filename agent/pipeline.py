"""From sightings to sealed events. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from collectors.event import seal
from collectors.kinds import SensitiveData, Severity
from collectors.sighting import Sighting
from collectors.wire import encode_event

_LARGEST = (1 << 63) - 1


class Sealed(NamedTuple):
    """An event ready for the spool."""

    sequence: int
    severity: int
    """A `Severity`: the class in which a full spool evicts it."""
    urgent: bool
    """May overtake older events."""
    created: int
    """ns since 1970."""
    body: bytes
    """Wire form."""


def severity_of(sighting: Sighting) -> int:
    """Return the severity that *sighting* will have.

    Raises:
        ValueError: it is not a `Severity`.
    """
    severity = sighting.severity
    if severity is None:
        severity = type(sighting.record).default_severity
    return int(Severity(severity))


def is_urgent(sighting: Sighting) -> bool:
    """Say whether the event may jump the queue: critical ones, and grave leaks."""
    severity = severity_of(sighting)
    if severity >= Severity.CRITICAL:
        return True
    return severity >= Severity.HIGH and isinstance(sighting.record, SensitiveData)


def seal_one(sighting: Sighting, *, sequence: int, created: int) -> Sealed:
    """Number and encode one sighting.

    Raises:
        TypeError, ValueError, OverflowError: the record holds what the wire cannot carry.
    """
    return Sealed(
        sequence=sequence,
        severity=severity_of(sighting),
        urgent=is_urgent(sighting),
        created=created,
        body=encode_event(seal(sighting, sequence=sequence, created=created)),
    )


def seal_all(sightings: Iterable[Sighting], *, first: int, created: int) -> list[Sealed]:
    """Number *sightings* from *first* on, in order, without holes."""
    return [
        seal_one(sighting, sequence=number, created=created)
        for number, sighting in enumerate(sightings, start=first)
    ]


def weigh(sighting: Sighting) -> int:
    """Return the most bytes that the sealed form can take; a rehearsal of `seal_one`.

    Raises:
        TypeError, ValueError, OverflowError: as `seal_one`, so that a sensor's mistake
            surfaces in the sensor and not in the spool.
    """
    return len(seal_one(sighting, sequence=_LARGEST, created=_LARGEST).body)
