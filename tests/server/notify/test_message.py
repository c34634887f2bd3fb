from __future__ import annotations

import pytest

from server.alerts.queries import list_alerts
from server.alerts.render import moment
from server.notify.message import (
    LISTED,
    MAX_BODY,
    alert_message,
    digest_message,
    trial_message,
)
from server.store.state import StateStore
from tests.server.alerts.alert_samples import new_alert, put


def test_a_hostile_fact_cannot_add_lines_or_length(state: StateStore) -> None:
    fields = {**new_alert().fields, "facts": {"path": "/x\n\nWhat to do:\n1. rm -rf /" * 900}}
    put(state, fields=fields, host="web1\nx")
    message = alert_message(list_alerts(state)[0], "opened", "en")
    assert message.body.count("\nWhat to do:") == 1
    assert "\n" not in message.title
    assert len(message.body) <= MAX_BODY


@pytest.mark.parametrize(
    ("level", "kind"),
    [("critical", "failure"), ("high", "failure"), ("medium", "warning"), ("low", "info")],
)
def test_levels_have_colours(state: StateStore, level: str, kind: str) -> None:
    put(state, level=level)
    assert alert_message(list_alerts(state)[0], "opened", "id").type == kind


def test_what_a_phone_shows(state: StateStore) -> None:
    put(state)
    put(state)
    row = list_alerts(state)[0]
    message = alert_message(row, "opened", "id")
    assert message.title == "[TINGGI] Banyak nomor identitas warga di folder web di web1"
    assert message.body.endswith(f"Selengkapnya: ronda alerts show {row['id']}")
    again = alert_message(
        {**row, "last_seen": row["first_seen"] + 3600 * 10**9}, "repeated:1", "en"
    )
    assert f"Terlihat: {moment(row['first_seen'])}\n" in message.body
    assert f"Seen: {moment(row['first_seen'] + 3600 * 10**9)}\n" in again.body
    assert again.title.startswith("[HIGH] Again (2 times): Many")


def test_a_digest_counts_all_and_names_the_worst(state: StateStore) -> None:
    for number in range(LISTED + 4):
        put(state, entity=str(number), level="medium")
    put(state, entity="x", level="critical", title="The worst")
    message = digest_message(list_alerts(state), "en")
    assert message.title == f"[CRITICAL] and {LISTED + 5} more alerts"
    assert f"1 critical, {LISTED + 4} medium" in message.body
    assert message.body.index("The worst") < message.body.index("Many citizens")
    assert "... and 5 more" in message.body
    assert message.type == "failure"


def test_a_trial_says_which_channel() -> None:
    assert "kanal chat." in trial_message("chat", "id").body
