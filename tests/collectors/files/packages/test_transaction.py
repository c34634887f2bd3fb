"""What must not happen: a transaction that never ends, holds for too long, or is not noticed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collectors.files.packages.transaction import Evidence, Transaction, Verdict

IDLE = Evidence(locked=False, log=(1, 100), status=(2, 3))


def holding(machine: Transaction) -> bool:
    return machine.holding


def test_a_run_from_lock_to_quiet() -> None:
    machine = Transaction(IDLE, quiet=3.0, limit=600.0)
    machine.observe(0.0, IDLE)
    assert machine.verdict(0.0) is Verdict.NONE
    machine.observe(1.0, IDLE._replace(locked=True))
    assert machine.verdict(100.0) is Verdict.NONE
    assert holding(machine) is False, "apt downloads or asks"
    machine.observe(100.0, IDLE._replace(locked=True, log=(1, 150)))
    assert holding(machine)
    assert machine.verdict(100.1) is Verdict.HOLD
    machine.observe(101.0, IDLE._replace(log=(1, 180)))
    assert machine.verdict(103.9) is Verdict.HOLD
    machine.observe(104.1, IDLE._replace(log=(1, 180)))
    assert machine.verdict(104.1) is Verdict.CLOSED
    machine.settled(Verdict.CLOSED)
    assert machine.verdict(200.0) is Verdict.NONE
    assert not holding(machine)


def test_a_lock_alone_closes_without_ado() -> None:
    machine = Transaction(IDLE, quiet=3.0)
    machine.observe(1.0, IDLE._replace(locked=True))
    machine.observe(2.0, IDLE)
    assert machine.verdict(4.0) is Verdict.CLOSED


def test_a_prompt_does_not_hold_for_long() -> None:
    machine = Transaction(IDLE, quiet=3.0, stale=60.0, limit=600.0)
    locked = IDLE._replace(locked=True, log=(1, 150))
    machine.observe(1.0, locked)
    for now in range(2, 60):
        machine.observe(float(now), locked)
        assert machine.verdict(float(now)) is Verdict.HOLD
    assert machine.verdict(61.0) is Verdict.EXPIRED
    machine.settled(Verdict.EXPIRED)
    machine.observe(62.0, locked)
    assert not holding(machine)
    machine.observe(63.0, locked._replace(log=(1, 170)))
    assert holding(machine)


def test_a_run_that_nobody_saw_is_known_by_its_log() -> None:
    machine = Transaction(IDLE, quiet=3.0, limit=600.0)
    machine.observe(1.0, IDLE._replace(log=(1, 200)))
    assert machine.open
    machine.observe(2.0, IDLE._replace(log=(1, 200)))
    assert machine.verdict(3.9) is Verdict.HOLD
    assert machine.verdict(4.0) is Verdict.CLOSED
    assert machine.seen.log == (1, 200)


def test_a_rewritten_status_is_evidence_too() -> None:
    machine = Transaction(IDLE)
    machine.observe(1.0, IDLE._replace(status=(9, 9)))
    assert machine.open


@given(st.lists(st.tuples(st.floats(0.01, 30.0), st.booleans(), st.integers(0, 3)), max_size=60))
def test_nothing_waits_longer_than_the_limit(steps: list[tuple[float, bool, int]]) -> None:
    machine = Transaction(IDLE, quiet=3.0, limit=20.0)
    now = 0.0
    oldest: float | None = None
    for seconds, locked, size in steps:
        now += seconds
        machine.observe(now, IDLE._replace(locked=locked, log=(1, 100 + size)))
        verdict = machine.verdict(now)
        if verdict in (Verdict.CLOSED, Verdict.EXPIRED):
            machine.settled(verdict)
            oldest = None
        if not machine.holding:
            assert oldest is None, "what is held is settled before holding ends"
            continue
        oldest = now if oldest is None else oldest
        # Looked at in time, a change that is held now has waited less than the limit.
        assert now - oldest < 20.0


def test_held_changes_of_an_earlier_run_open_it() -> None:
    machine = Transaction(IDLE, quiet=3.0)
    machine.resume(10.0)
    assert machine.verdict(10.0) is Verdict.HOLD
    assert machine.verdict(13.0) is Verdict.CLOSED
