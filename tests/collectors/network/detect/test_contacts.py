"""What must not happen: honest sources fill the report, or a failure is told twice."""

from __future__ import annotations

from collectors.network.detect.contacts import Contacts
from tests.collectors.network.detect.records import (
    HOUR,
    MINUTE,
    START,
    US,
    conn,
    failure,
    flow,
    packed,
    shown,
)


def test_who_only_succeeds_is_not_told() -> None:
    contacts = Contacts()
    contacts.tick(START)
    shown(contacts, [flow(conn(port=n)) for n in range(50)])
    contacts.tick(START + HOUR)
    assert contacts.drain() == []


def test_a_slow_sweep_is_counted_once_per_target_and_hour() -> None:
    contacts = Contacts()
    contacts.tick(START)
    probes = [failure(conn(port=22 + n // 2), n * 5 * MINUTE) for n in range(12)]
    assert shown(contacts, probes) == []
    shown(contacts, [flow(conn(port=443))])
    contacts.tick(START + HOUR)
    (told,) = contacts.drain()
    assert (told.failed, told.succeeded) == (6, 1)
    assert told.source == packed("203.0.113.9")
    assert (packed(US), 22) in told.targets
    shown(contacts, probes)
    contacts.tick(START + 2 * HOUR)
    assert contacts.drain() == []


def test_no_more_than_its_limits() -> None:
    contacts = Contacts(2000)
    contacts.tick(START)
    for n in range(3000):
        source = f"203.{n // 250}.7.{n % 250}"
        shown(contacts, [failure(conn(source, US, port)) for port in range(70 if n < 5 else 1)])
    contacts.tick(START + HOUR)
    told = contacts.drain()
    assert len(told) == 500
    assert told[-1].others > 0
    assert contacts.evicted() > 0
    assert max(one.failed for one in told) <= 16


def test_strangers_without_number_do_not_hide_who_is_inside() -> None:
    contacts = Contacts(1000)
    contacts.tick(START)
    for n in range(3000):
        shown(contacts, [failure(conn(f"203.{n // 250}.7.{n % 250}", US, 80))] * 2)
    shown(contacts, [failure(conn("10.3.0.9", US, 22))])
    contacts.tick(START + HOUR)
    told = contacts.drain()
    assert len(told) == 500
    assert told[0].source == packed("10.3.0.9")
