from __future__ import annotations

import pytest

from server.alerts.lifecycle import close
from server.alerts.model import UnknownAlert
from server.alerts.queries import events_of, get_alert, list_alerts, messages_of
from server.store.state import StateStore
from tests.server.alerts.alert_samples import put


def test_an_agency_sees_its_own_only(state: StateStore) -> None:
    mine = put(state).alert
    other = put(state, opd="Dinas B", agent="agent2").alert
    assert [row["id"] for row in list_alerts(state, opds={"Dinas A"})] == [mine]
    assert list_alerts(state, opds=set()) == []
    with pytest.raises(UnknownAlert):
        get_alert(state, other, {"Dinas A"})
    assert get_alert(state, other)["opd"] == "Dinas B"


def test_filters_leave_out(state: StateStore) -> None:
    first = put(state, observed=5, level="low").alert
    second = put(state, observed=9, rule="r2", host="db1").alert
    third = put(state, observed=7, rule="r3").alert
    close(state, third, "ani", now=9)
    assert [row["id"] for row in list_alerts(state)] == [second, first]
    assert [row["id"] for row in list_alerts(state, min_level="medium")] == [second]
    assert [row["id"] for row in list_alerts(state, host="web1")] == [first]
    assert [row["id"] for row in list_alerts(state, since=6)] == [second]
    assert [row["id"] for row in list_alerts(state, statuses=("closed",))] == [third]
    assert [row["id"] for row in list_alerts(state, limit=1)] == [second]
    assert list_alerts(state, limit=-1) == []


def test_a_word_that_is_no_status_or_level_is_an_error(state: StateStore) -> None:
    with pytest.raises(ValueError, match="no status 'x'"):
        list_alerts(state, statuses=("x",))
    with pytest.raises(ValueError, match="no level 'x'"):
        list_alerts(state, min_level="x")


def test_what_belongs_to_an_alert(state: StateStore) -> None:
    alert = put(state).alert
    put(state, event="agent1.1.2", observed=2000)
    assert events_of(state, alert) == ["agent1.1.2", "agent1.1.1"]
    (message,) = messages_of(state, alert)
    assert (message["channel"], message["status"]) == ("chat", "pending")
