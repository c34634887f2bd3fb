from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.notify.outbox import SECOND, Outbox, Policy, abandon, choose
from server.store.state import StateStore
from tests.server.alerts.alert_samples import put

POLICY = Policy(attempts=3)
_entities = itertools.count()


def add(state: StateStore, *dues: int, channel: str = "chat") -> None:
    for due in dues:
        alert = put(state, entity=str(next(_entities)), channels=()).alert
        state.execute(
            "INSERT INTO outbox (alert, channel, reason, created, due)"
            " VALUES (?, ?, 'opened', ?, ?)",
            (alert, channel, due, due),
        )


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


def test_rows_of_others_and_of_later_are_not_due(state: StateStore) -> None:
    add(state, 5, 9)
    add(state, 1, channel="mail")
    box = Outbox(state, "chat", POLICY)
    assert ids(box.due(4)) == []
    assert ids(box.due(5)) == [1]


def test_a_claimed_row_comes_back_only_after_the_lease(state: StateStore) -> None:
    add(state, 1)
    box = Outbox(state, "chat", POLICY)
    box.claim([1], 10)
    lease = round(POLICY.lease * SECOND)
    assert ids(box.due(9 + lease)) == []
    assert ids(box.due(10 + lease)) == [1]


def test_it_fails_for_good_after_so_many_tries_and_keeps_the_error(state: StateStore) -> None:
    add(state, 1)
    box = Outbox(state, "chat", POLICY)
    failed = []
    for _ in range(POLICY.attempts):
        box.claim([1], 1)
        failed.append(box.not_delivered([1], "error 503", 1))
    assert failed == [0, 0, 1]
    (row,) = state.query("SELECT status, attempts, error FROM outbox")
    assert row == {"status": "failed", "attempts": 3, "error": "error 503"}
    assert box.due(2**62) == []


def test_when_the_service_is_back_nothing_waits_for_its_back_off(state: StateStore) -> None:
    add(state, 1, 1)
    add(state, 1, channel="mail")
    box = Outbox(state, "chat", POLICY)
    box.claim([1, 2], 1)
    box.not_delivered([2], "down", 1)
    box.delivered([1], 5)
    assert ids(box.due(5)) == [2]
    assert box.sent_since(4) == 1
    assert box.sent_since(5) == 0


def test_a_digest_delivers_one_and_merges_the_others(state: StateStore) -> None:
    add(state, 1, 1, 1)
    box = Outbox(state, "chat", POLICY)
    assert box.last_digest() == 0
    box.delivered([1, 2, 3], 7)
    statuses = [row["status"] for row in state.query("SELECT status FROM outbox ORDER BY id")]
    assert statuses == ["delivered", "merged", "merged"]
    assert (box.sent_since(0), box.last_digest()) == (1, 7)


def test_rows_of_a_channel_that_is_gone_do_not_wait_for_ever(state: StateStore) -> None:
    add(state, 1)
    add(state, 1, 1, channel="old")
    assert abandon(state, {"chat"}) == 2
    assert abandon(state, {"chat"}) == 0
    assert len(state.query("SELECT id FROM outbox WHERE status = 'pending'")) == 1


@given(st.integers(1, 1000), st.floats(0, 1))
def test_the_delay_grows_to_its_limit_and_never_vanishes(attempts: int, roll: float) -> None:
    delay = POLICY.retry_in(attempts, roll)
    assert POLICY.first_retry / 2 <= delay <= POLICY.last_retry


@pytest.mark.parametrize(
    ("sent", "age", "digest_age", "expected"),
    [
        (0, 0, 10**6, [1]),  # single messages within the burst
        (29, 0, 10**6, [1]),
        (30, 0, 10**6, []),  # wait for more to come
        (30, 11, 10**6, [1, 2, 3]),
        (30, 11, 60, []),  # not one digest after the other
        (99, 130, 121, [1, 2, 3]),
    ],
)
def test_above_the_burst_there_are_digests(
    sent: int, age: int, digest_age: int, expected: list[int]
) -> None:
    now = 10**7 * SECOND
    rows = [{"id": number, "created": now - age * SECOND} for number in (1, 2, 3)]
    last = now - digest_age * SECOND
    assert choose(rows, sent=sent, last_digest=last, now=now, policy=Policy()) == expected
    assert choose([], sent=0, last_digest=0, now=now, policy=Policy()) == []
