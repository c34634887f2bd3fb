"""What must not stand in the inventory: what is older, what is gone, what strangers make up."""

from __future__ import annotations

import json
from typing import Any

from server.detect.applications import MAX_ROWS, Applications, facts
from server.store.state import StateStore
from server.store.stored import from_row

T0 = 1_795_500_000 * 10**9


def told(sequence: int, state: str = "active", epoch: int = 1, **fields: Any) -> Any:
    record = {
        "ronda.application.id": fields.pop("id", "a1"),
        "ronda.application.state": state,
        "ronda.application.names": ["dinas.test"],
        **fields,
    }
    text = json.dumps(record)
    values = (sequence, "agent", epoch, sequence, T0 + sequence, T0, "exposure.application", 1)
    return from_row("2026-11-24", (*values, "Dinas", "web1", text))


def kept(state: StateStore) -> list[tuple[str, str]]:
    rows = state.query("SELECT application, state FROM application ORDER BY application")
    return [(row["application"], row["state"]) for row in rows]


def test_older_news_does_not_replace_newer(state: StateStore) -> None:
    Applications(state).store([told(5, "dormant"), told(4, "active")])
    assert kept(state) == [("a1", "dormant")]
    Applications(state).store([told(1, "deactivated", epoch=2)])  # the spool began anew
    assert kept(state) == [("a1", "deactivated")]


def test_what_is_gone_is_removed(state: StateStore) -> None:
    Applications(state).store([told(1), told(2, id="b2"), told(3, "gone")])
    assert kept(state) == [("b2", "active")]


def test_what_a_strange_agent_sends_is_left_out(state: StateStore) -> None:
    wrong: dict[str, Any] = {"ronda.application.names": 5, "ronda.application.changed": True}
    strange = told(1, **wrong)
    assert facts(strange.fields) == {"complete": True}
    nameless = told(2, id=7)
    long: dict[str, Any] = {"id": "c", "file.directory": "x" * (1 << 20)}
    endless = told(3, **long)
    Applications(state).store([strange, nameless, endless])
    assert kept(state) == [("a1", "active"), ("c", "active")]
    (row,) = state.query("SELECT fields FROM application WHERE application = 'c'")
    assert json.loads(row["fields"]) == {"complete": False}


def test_an_agent_keeps_a_bounded_number(state: StateStore) -> None:
    Applications(state).store([told(n, id=f"{n:05d}") for n in range(1, MAX_ROWS + 6)])
    assert kept(state)[0][0] == "00006"
    assert len(kept(state)) == MAX_ROWS
