"""Stored events and rules for tests of detection."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from server.store.events import EventWriter, NewBatch, NewEvent
from signatures.sigma_load import load_texts
from signatures.sigma_rule import RuleSet

RULE_ID = "11111111-1111-4111-8111-11111111111"


def rule_set(*details: str, stage: str = "stable") -> RuleSet:
    """Return one rule per detail, matching files whose path contains it."""
    texts = {
        f"r{number}.yml": (
            f"title: Rule {number}\nid: {RULE_ID}{number}\nlevel: high\ndescription: d\n"
            "logsource: {product: ronda, category: file_event}\n"
            f"detection:\n  s:\n    file.path|contains: {detail}\n  condition: s\n"
            f"ronda: {{stage: {stage}, entity: file.path}}\n"
        )
        for number, detail in enumerate(details)
    }
    loaded = load_texts(texts)
    assert loaded.problems == ()
    return loaded


def change(path: str, **fields: Any) -> dict[str, Any]:
    return {"ronda.kind": "file.change", "event.action": "created", "file.path": path, **fields}


class Source:
    """An agent's side: stores events as ingest does."""

    def __init__(self, directory: Path, agent: str = "agent1") -> None:
        self._writer = EventWriter(directory)
        self._agent = agent
        self._sequence = 0

    def store(self, *records: dict[str, Any]) -> None:
        now = time.time_ns()
        events = []
        for record in records:
            self._sequence += 1
            kind = str(record["ronda.kind"])
            events.append(NewEvent(self._sequence, now, kind, 1, json.dumps(record)))
        batch = NewBatch(self._agent, 1, "Dinas A", "web1", now, events)
        self._writer.write([batch], now)

    def close(self) -> None:
        self._writer.close()
