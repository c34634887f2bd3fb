"""Where and how long one content was on the hosts, as far as events tell. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from server.api.web import iso
from server.store.files import Last
from server.store.stored import StoredEvent

PREVIOUS = "ronda.file.previous.sha256"


def place_of(event: StoredEvent) -> tuple[int, int]:
    """Return what orders the events of one agent, whatever its clock did."""
    return event.epoch, event.sequence


class Stay:
    """A content on one path of one agent, as its events tell."""

    def __init__(self, event: StoredEvent) -> None:
        self.event = event
        """The last one that speaks of this content."""
        self.first: int | None = None
        """ns; None when the content was there before anybody looked."""
        self.last = event.observed
        self.end: tuple[int, str] | None = None
        """ns and action."""

    def add(self, event: StoredEvent, sha256: str) -> None:
        """Take the next event in the agent's order into account."""
        self.event, self.last = event, event.observed
        if event.fields.get("file.hash.sha256") == sha256:
            self.end = None
            self.first = event.observed if self.first is None else self.first
        else:  # it was the content before
            self.end = event.observed, str(event.fields.get("event.action"))

    def follow(self, last: Last, sha256: str) -> None:
        """Take the last event on this path into account, whatever it says of the content."""
        place = "".join(f"{number:019d}" for number in place_of(self.event))
        if self.end is not None or last.place <= place or last.sha256 == sha256:
            return
        # Other attributes are not another content, unless the hash says so.
        if last.sha256 is not None or last.action not in {"attributes", None}:
            self.end = last.observed, last.action or "other content"


class Hash(NamedTuple):
    """Where one content was seen."""

    sha256: str
    stays: dict[tuple[str, str], Stay]
    """By (agent, path)."""


def stays_of(events: Iterable[StoredEvent], prefix: str) -> list[Hash]:
    """Return the contents whose hash begins with *prefix*, and where *events* saw each. Pure."""
    found: dict[str, Hash] = {}
    for event in sorted(events, key=place_of):
        path = str(event.fields.get("file.path"))
        for name in (PREVIOUS, "file.hash.sha256"):
            sha256 = event.fields.get(name)
            if not isinstance(sha256, str) or not sha256.startswith(prefix):
                continue
            if name == PREVIOUS and sha256 == event.fields.get("file.hash.sha256"):
                continue
            stays = found.setdefault(sha256, Hash(sha256, {})).stays
            stays.setdefault((event.agent, path), Stay(event)).add(event, sha256)
    return sorted(found.values())


def stay_view(sha256: str, stay: Stay, *, followed: bool) -> dict[str, Any]:
    """Return the public form; *followed* says that later events were looked at. Pure."""
    fields = stay.event.fields
    present = "no" if stay.end else "yes" if followed else "unknown"
    return {
        "present": present,
        "host": stay.event.host,
        "opd": stay.event.opd,
        "first_seen": iso(stay.first),
        "last_seen": iso(stay.last),
        "ended": iso(stay.end[0]) if stay.end else None,
        "end": stay.end[1] if stay.end else None,
        "path": fields.get("file.path"),
        "token": fields.get("ronda.path.token"),
        "sha256": sha256,
        "agent": stay.event.agent,
        "event": stay.event.id,
    }
