from __future__ import annotations

import pytest

from server.alerts.lifecycle import MAX_NOTE, acknowledge, close, reopen
from server.alerts.model import AlertConflict, UnknownAlert
from server.alerts.queries import get_alert, history_of
from server.store.state import StateStore
from tests.server.alerts.alert_samples import put


def test_nobody_touches_an_alert_of_another_agency(state: StateStore) -> None:
    alert = put(state).alert
    for change in (acknowledge, close, reopen):
        with pytest.raises(UnknownAlert):
            change(state, alert, "ani", now=2, opds={"Dinas B"})
        with pytest.raises(UnknownAlert, match="there is no alert 99"):
            change(state, 99, "ani", now=2)
    assert get_alert(state, alert)["status"] == "open"


def test_what_is_done_already_is_a_conflict(state: StateStore) -> None:
    alert = put(state).alert
    with pytest.raises(AlertConflict, match="is open already"):
        reopen(state, alert, "ani", now=2)
    close(state, alert, "ani", now=2)
    with pytest.raises(AlertConflict, match="is closed already"):
        close(state, alert, "ani", now=3)
    with pytest.raises(AlertConflict, match="is closed already"):
        acknowledge(state, alert, "ani", now=3)
    assert len(history_of(state, alert)) == 2


def test_reopening_beside_a_newer_one_is_refused(state: StateStore) -> None:
    old = put(state).alert
    close(state, old, "ani", now=2)
    new = put(state, now=3).alert
    with pytest.raises(AlertConflict, match=f"alert {new} is about the same thing"):
        reopen(state, old, "ani", now=4)
    assert get_alert(state, old)["status"] == "closed"
    assert [entry["action"] for entry in history_of(state, old)] == ["opened", "closed"]


def test_a_note_is_bounded(state: StateStore) -> None:
    alert = put(state).alert
    with pytest.raises(AlertConflict, match="longer"):
        close(state, alert, "ani", "x" * (MAX_NOTE + 1), now=2)


def test_every_step_is_kept_with_who_and_why(state: StateStore) -> None:
    alert = put(state).alert
    assert acknowledge(state, alert, "ani", "looking", now=2)["status"] == "acknowledged"
    assert close(state, alert, "budi", "removed", now=3, opds={"Dinas A"})["status"] == "closed"
    assert reopen(state, alert, "ani", "came back", now=4)["status"] == "open"
    steps = [(entry["actor"], entry["action"], entry["note"]) for entry in history_of(state, alert)]
    assert steps == [
        ("collector", "opened", ""),
        ("ani", "acknowledged", "looking"),
        ("budi", "closed", "removed"),
        ("ani", "reopened", "came back"),
    ]
    audit = state.query("SELECT at, actor, action, subject, detail FROM audit ORDER BY id")
    assert [entry["action"] for entry in audit] == [
        "alert.acknowledged",
        "alert.closed",
        "alert.reopened",
    ]
    assert audit[0] == {
        "at": 2,
        "actor": "ani",
        "action": "alert.acknowledged",
        "subject": f"alert:{alert}",
        "detail": "looking",
    }
