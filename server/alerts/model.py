"""What an alert is made of, and what can go wrong with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

LEVELS = ("informational", "low", "medium", "high", "critical")
"""In order."""

MAX_LINKS = 200
"""Events linked to one alert; above that only the count grows."""

MAX_LIVE = 200
"""Live alerts of one rule on one agent; what it finds on further things becomes one alert about
the host, so that no agent can bury the others' alerts or fill the disk."""


class AlertError(Exception):
    """Base of what people can do wrong with an alert.

    AlertError
    ├── UnknownAlert   there is none with this number (for this person)
    └── AlertConflict  its state does not allow it
    """


class UnknownAlert(AlertError):  # noqa: N818 - named for what it is, not for what it does
    """There is no such alert, or it belongs to another OPD."""


class AlertConflict(AlertError):  # noqa: N818 - as above
    """The alert's state does not allow it; ``str()`` says why."""


class Channel(msgspec.Struct, frozen=True):
    """Where notifications go, as far as alerts need to know."""

    name: str
    min_level: str = "medium"

    def wants(self, level: str) -> bool:
        """Tell whether an alert of *level* is for this channel."""
        return LEVELS.index(level) >= LEVELS.index(self.min_level)


class NewAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One detection on its way to become an alert, or to be counted into one. Times are ns."""

    rule: str
    title: str
    """Message id."""
    level: str
    stage: str
    opd: str
    agent: str
    host: str
    entity_field: str
    entity: str
    observed: int
    event: str
    """Id of the event."""
    fields: Mapping[str, Any]
    """``facts`` and the message ids ``summary``, ``explanation``, ``next_steps``; redacted."""
    tags: tuple[str, ...] = ()
    quiet: int = 3600 * 10**9
    """No second notification within this time."""

    @property
    def dedup(self) -> str:
        """Key that makes detections of one rule on one thing one alert."""
        return dedup_key(self.rule, self.agent, self.entity)


class Raised(msgspec.Struct, frozen=True):
    """What came of a detection."""

    alert: int
    created: bool
    notified: bool


def dedup_key(rule: str, agent: str, entity: str) -> str:
    """Return the hexadecimal key for *rule* on *entity* of *agent*."""
    # JSON, because any separator of our own could stand in an entity.
    return hashlib.sha256(json.dumps((rule, agent, entity)).encode()).hexdigest()
