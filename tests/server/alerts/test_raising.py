from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from server.alerts.lifecycle import acknowledge, close
from server.alerts.model import MAX_LINKS, MAX_LIVE
from server.alerts.queries import events_of, history_of, list_alerts
from server.alerts.raising import raise_alert
from server.store.state import StateStore
from tests.server.alerts.alert_samples import CHANNELS, HOUR, new_alert, put


def outbox(state: StateStore) -> list[tuple[int, str, str]]:
    rows = state.query("SELECT alert, channel, reason FROM outbox ORDER BY id")
    return [(row["alert"], row["channel"], row["reason"]) for row in rows]


def test_repeats_do_not_open_a_second_alert_or_send_a_second_message(state: StateStore) -> None:
    first = put(state, now=1)
    for number in range(2, 6):
        again = put(state, now=number, event=f"agent1.1.{number}", observed=900 + number)
        assert (again.alert, again.created, again.notified) == (first.alert, False, False)
    (row,) = list_alerts(state)
    assert (row["count"], row["first_seen"], row["last_seen"]) == (5, 902, 1000)
    assert (row["first_event"], row["last_event"]) == ("agent1.1.1", "agent1.1.5")
    assert outbox(state) == [(1, "chat", "opened")]
    assert len(events_of(state, first.alert)) == 5


@pytest.mark.parametrize("change", [{"agent": "agent2"}, {"entity": "/x"}, {"rule": "r2"}])
def test_another_thing_is_another_alert(state: StateStore, change: dict[str, Any]) -> None:
    assert put(state).alert != put(state, **change).alert


def test_unproven_rules_and_low_levels_notify_nobody(state: StateStore) -> None:
    assert not put(state, stage="test").notified
    assert not put(state, rule="r2", level="low").notified
    assert outbox(state) == []


def test_channels_get_what_they_want(state: StateStore) -> None:
    put(state, level="critical")
    assert outbox(state) == [(1, "chat", "opened"), (1, "pager", "opened")]


def test_after_the_quiet_period_a_repeat_is_told_again(state: StateStore) -> None:
    put(state, now=1)
    assert not put(state, now=HOUR).notified
    assert put(state, now=1 + HOUR).notified
    assert not put(state, now=2 + HOUR).notified
    assert put(state, now=2 + 2 * HOUR).notified
    assert [reason for _, _, reason in outbox(state)] == ["opened", "repeated:1", "repeated:2"]


def test_an_acknowledged_alert_counts_but_stays_quiet(state: StateStore) -> None:
    alert = put(state, now=1).alert
    acknowledge(state, alert, "ani", now=2)
    again = put(state, now=1 + 9 * HOUR)
    assert (again.alert, again.notified) == (alert, False)
    assert list_alerts(state)[0]["count"] == 2


def test_after_closing_it_is_a_new_alert_that_names_the_old_one(state: StateStore) -> None:
    old = put(state, now=1).alert
    close(state, old, "ani", "false alarm", now=2)
    new = put(state, now=3)
    assert new.created
    assert new.notified
    assert history_of(state, new.alert)[0]["note"] == f"again after alert {old}"


def test_links_are_bounded(state: StateStore) -> None:
    for number in range(MAX_LINKS + 20):
        put(state, event=f"agent1.1.{number}")
    (row,) = list_alerts(state)
    assert row["count"] == MAX_LINKS + 20
    assert len(events_of(state, row["id"])) == MAX_LINKS


def test_nothing_stays_of_a_transaction_that_fails(state: StateStore) -> None:
    def both() -> None:
        with state.transaction():
            raise_alert(state, new_alert(), CHANNELS, 1)
            raise_alert(state, new_alert(rule="r2", level="enormous"), (), 1)

    with pytest.raises(sqlite3.IntegrityError):
        both()
    assert list_alerts(state) == []
    assert outbox(state) == []


def test_a_flood_from_one_agent_stays_bounded_and_hides_no_other(state: StateStore) -> None:
    for number in range(MAX_LIVE + 50):
        put(state, entity=f"/srv/{number}", event=f"agent1.1.{number}", now=number + 1)
    (row,) = state.query("SELECT count(*) AS n FROM alert")
    assert row["n"] == MAX_LIVE + 1
    (rest,) = state.query("SELECT id, entity, count FROM alert WHERE entity_field = 'host.name'")
    assert (rest["entity"], rest["count"]) == ("web1", 50)
    assert len(outbox(state)) == MAX_LIVE + 1
    assert "further ones count here" in history_of(state, rest["id"])[0]["note"]
    # What is known already, other rules and other agents go on as before.
    assert not put(state, entity="/srv/7", now=10**6).created
    assert put(state, entity="/srv/new", rule="r2", now=10**6).created
    assert put(state, entity="/srv/new", agent="agent2", now=10**6).created
    for alert in (1, 2):
        close(state, alert, actor="ani", note="x", now=10**6)
    assert put(state, entity="/srv/newer", now=10**6).created


def test_a_flood_asks_the_index_only(state: StateStore) -> None:
    plan = state.query(
        "EXPLAIN QUERY PLAN SELECT 1 FROM alert"
        " WHERE agent = 'a' AND rule = 'r' AND status <> 'closed'"
    )
    assert "alert_place" in plan[0]["detail"]
