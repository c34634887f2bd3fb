"""The record of files, edited while nobody looked: the collector finds it, and only then.

What must not happen: an ordinary restart, or changes made while the agent was stopped, that look
like a forgery; a forged record that nobody tells of.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.patience import until
from tests.system.deployment import Deployment

RULE = "4c0a7b1e-5d0f-4f5a-9d0b-7e3f3c1c8a52"


def start(system: Deployment, times: int) -> None:
    """Start the agent; wait until the collector was told that the record was opened *times*."""
    system.start_agent()
    until(system.watching, "watching")
    until(lambda: len(opened(system)) >= times, "the root of the record")


def opened(system: Deployment) -> list[Any]:
    return [
        event
        for event in system.events()
        if event.kind == "baseline.root" and event.fields.get("event.action") == "opened"
    ]


def alerts(system: Deployment) -> list[Any]:
    answer = system.ronda_json("alerts", "list", "--status", "all", "--limit", "1000")
    return [each for each in answer if each["rule"] == RULE]


def test_a_record_edited_behind_the_back_of_the_agent_is_found(tmp_path: Path) -> None:
    with Deployment(tmp_path, exposure=False) as system:
        page = system.web / "app.js"
        page.write_text("one")
        other = system.web / "other.js"
        other.write_text("other")
        system.install()
        start(system, 1)
        system.stop_agent()

        # Nothing but an ordinary change while it was stopped.
        other.write_text("changed while nobody looked")
        start(system, 2)
        page.write_text("two")
        until(lambda: told(system, page), "the change")
        system.stop_agent()
        assert alerts(system) == []

        # What somebody who replaced the page would do, to hide it.
        with closing(sqlite3.connect(system.agent_state / "sensors/files/baseline.db")) as record:
            done = record.execute(
                "UPDATE file SET digest = zeroblob(32) WHERE name = ?", (page.name.encode(),)
            )
            record.commit()
            assert done.rowcount == 1
        start(system, 3)
        [alert] = until(lambda: alerts(system), "the alert")
        assert alert["level"] == "critical"


def told(system: Deployment, path: Path) -> bool:
    return any(
        event.kind == "file.change"
        and event.fields.get("file.path") == str(path)
        and event.fields.get("event.action") == "modified"
        for event in system.events()
    )
