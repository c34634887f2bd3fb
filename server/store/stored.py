"""An event as the collector holds it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from collectors.event import event_id

COLUMNS = "row, agent, epoch, sequence, observed, received, kind, severity, opd, host, fields"


class Cursor(NamedTuple):
    """The place of an event in order of arrival."""

    day: str
    row: int


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as the collector holds it. Times are ns since 1970, UTC."""

    day: str
    row: int
    agent: str
    epoch: int
    sequence: int
    observed: int
    received: int
    kind: str
    severity: int
    opd: str
    host: str
    fields: dict[str, Any]
    """All fields by their dotted names, with those that the collector vouches for:
    ``agent.id``, ``host.name``, ``organization.name``, ``event.id``, ``event.ingested``."""

    @property
    def id(self) -> str:
        """Return the public id."""
        return event_id(self.agent, self.epoch, self.sequence)

    @property
    def cursor(self) -> Cursor:
        """Return the place in order of arrival."""
        return Cursor(self.day, self.row)


def from_row(day: str, values: tuple[Any, ...]) -> StoredEvent:
    """Return the event in a row of `COLUMNS`."""
    row, agent, epoch, sequence, observed, received, kind, severity, opd, host, text = values
    fields = _read(text, kind)
    # Last, so that nothing an agent sent can stand in their place.
    fields["agent.id"] = agent
    fields["host.name"] = host
    fields["organization.name"] = opd
    fields["event.id"] = event_id(agent, epoch, sequence)
    fields["event.ingested"] = received
    fields["ronda.epoch"] = epoch
    return StoredEvent(
        day=day, row=row, agent=agent, epoch=epoch, sequence=sequence, observed=observed,
        received=received, kind=kind, severity=severity, opd=opd, host=host, fields=fields,
    )  # fmt: skip


def _read(text: str, kind: str) -> dict[str, Any]:
    """Return the fields; those of a damaged row must not stop whoever reads the others."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {"ronda.kind": kind, "error.message": "the stored fields cannot be read"}


_decoder = msgspec.json.Decoder(dict[str, Any])
