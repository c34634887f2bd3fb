"""A detection to vary."""

from __future__ import annotations

from typing import Any

import msgspec

from server.alerts.model import Channel, NewAlert, Raised
from server.alerts.raising import raise_alert
from server.store.state import StateStore

HOUR = 3600 * 10**9
FACTS = {
    "path": "/var/www/html/backup.sql",
    "counts": [["nik", 1200, True], ["kk", 30, False]],
    "samples": ["1571**********01"],
    "begin": 1_795_000_000 * 10**9,
}
_BASE = NewAlert(
    rule="r1",
    title="Many citizens' identity numbers in a web root",
    level="high",
    stage="stable",
    opd="Dinas A",
    agent="agent1",
    host="web1",
    entity_field="file.path",
    entity="/var/www/html/backup.sql",
    observed=1000,
    event="agent1.1.1",
    fields={
        "facts": FACTS,
        "summary": "{path} on {host} ({opd}) lies in a web root, where anybody may fetch it,"
        " and holds {counts}. Examples, masked: {samples}.",
        "explanation": "Hardly anything else needs it {nothing}.",
        "next_steps": [
            "See what else happened on this server: ronda events search host={host} --since 24h"
        ],
    },
    tags=("attack.t1567",),
    quiet=HOUR,
)
CHANNELS = (Channel("chat", "medium"), Channel("pager", "critical"))


def new_alert(**changes: Any) -> NewAlert:
    return msgspec.structs.replace(_BASE, **changes)


def put(
    state: StateStore, now: int = 1, channels: tuple[Channel, ...] = CHANNELS, **changes: Any
) -> Raised:
    with state.transaction():
        return raise_alert(state, new_alert(**changes), channels, now)
