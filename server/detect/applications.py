"""The web applications that agents tell of (``exposure.application``): the latest of each.

Bounds: `MAX_ROWS` applications of each agent are kept, those told last; what an agent says of its
own applications is believed, nothing in it is used for anything but showing it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from server.store.events import StoredEvent
from server.store.state import StateStore

KIND = "exposure.application"
MAX_ROWS = 2000
MAX_TEXT = 16 << 10
"""Characters of one record; a host with thousands of names for one site is cut off there."""
_ID, _STATE = "ronda.application.id", "ronda.application.state"
_GONE = "gone"
_SAVE = (
    "INSERT OR REPLACE INTO application"
    " (agent, application, epoch, sequence, told, host, opd, state, event, fields)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_PRUNE = (
    "DELETE FROM application WHERE agent = ? AND application IN (SELECT application"
    " FROM application WHERE agent = ? ORDER BY told DESC LIMIT -1 OFFSET ?)"
)
_FIELDS = {
    "names": ("ronda.application.names", list),
    "path": ("url.path", str),
    "server": ("service.type", str),
    "root": ("file.directory", str),
    "ports": ("ronda.application.ports", list),
    "listening": ("ronda.application.listening", bool),
    "owner": ("ronda.application.owner", str),
    "framework": ("ronda.application.framework", str),
    "version": ("service.version", str),
    "changed": ("ronda.application.changed", int),
    "files": ("ronda.application.files", int),
    "complete": ("ronda.application.complete", bool),
    "served_by": ("ronda.application.served_by", str),
    "config": ("ronda.application.config", str),
}


def facts(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what *event* says of an application, by our own names. Pure.

    What is not of the type that it should be, from a strange agent, is left out.
    """
    found: dict[str, Any] = {}
    for name, (field, kind) in _FIELDS.items():
        value = event.get(field)
        if isinstance(value, kind) and (kind is not int or not isinstance(value, bool)):
            found[name] = value
    found.setdefault("complete", True)
    return found


class Applications:
    """Keeps what agents told; `store` in the transaction of the alerts."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    def store(self, events: Iterable[StoredEvent]) -> None:
        """Take in what *events* say."""
        for event in events:
            if event.kind == KIND:
                self._store(event)

    def _store(self, event: StoredEvent) -> None:
        application, state = event.fields.get(_ID), event.fields.get(_STATE)
        if not isinstance(application, str) or not isinstance(state, str):
            return  # of another version
        key = (event.agent, application[:64])
        rows = self._state.query(
            "SELECT epoch, sequence FROM application WHERE agent = ? AND application = ?", key
        )
        if rows and (rows[0]["epoch"], rows[0]["sequence"]) >= (event.epoch, event.sequence):
            return
        if state == _GONE:
            self._state.execute("DELETE FROM application WHERE agent = ? AND application = ?", key)
            return
        text = json.dumps(facts(event.fields))
        if len(text) > MAX_TEXT:
            text = json.dumps({"complete": False})
        values = (event.epoch, event.sequence, event.observed, event.host, event.opd, state[:20])
        self._state.execute(_SAVE, (*key, *values, event.id, text))
        if not rows:
            self._state.execute(_PRUNE, (event.agent, event.agent, MAX_ROWS))
