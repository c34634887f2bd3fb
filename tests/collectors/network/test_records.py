"""From records to sightings: owners are attached, urgency is known, memory survives."""

from __future__ import annotations

import msgspec
import pytest

from collectors.kinds import NetworkContacts, NetworkFinding, NetworkFlow, NetworkService
from collectors.network.detect.loss import CaptureStats
from collectors.network.messages import Owner
from collectors.network.model import ACK, RST, SYN, Direction, Dns, State
from collectors.network.records import Records
from collectors.network.settings import NetworkSettings
from tests.collectors.network.flows import SECOND, START, conn, flow

HOUR = 3600 * SECOND


def records(**settings: object) -> Records:
    return Records(msgspec.convert(settings, NetworkSettings))


def counted(at: int, dropped: int) -> CaptureStats:
    return CaptureStats(at=at, interface="eth0", packets=1000 - dropped, dropped=dropped)


def scan(ports: int = 40) -> list[object]:
    return [
        flow(
            conn(client="10.0.0.7", server="203.0.113.9", port=port, direction=Direction.OUTBOUND),
            at=START + port * SECOND,
            state=State.REJ,
            client_flags=SYN,
            server_flags=RST | ACK,
        )
        for port in range(1, ports + 1)
    ]


def test_honest_traffic_gives_no_finding() -> None:
    made = records()
    for number in range(200):
        made.take([flow(conn(client_port=number + 1), at=START + number * SECOND)])
    made.time(START + HOUR, last=True)
    assert [one for one in made.told() if isinstance(one.record, NetworkFinding)] == []
    assert made.faults() == ()


def test_a_scan_is_urgent_and_told_once() -> None:
    made = records()
    made.take(scan())  # type: ignore[arg-type]
    waits = made.urgent
    assert waits
    found = [one.record for one in made.told() if isinstance(one.record, NetworkFinding)]
    assert {one.source for one in found} == {"10.0.0.7"}
    assert "scan.vertical" in {one.rule for one in found}
    assert [made.urgent, made.told()] == [False, ()]


def test_failed_first_contacts_are_shipped() -> None:
    made = records()
    made.time(START)
    made.take(scan(3))  # type: ignore[arg-type]
    made.time(START + 2 * HOUR)
    told = [one.record for one in made.told() if isinstance(one.record, NetworkContacts)]
    (contacts,) = told
    assert (contacts.source, contacts.failed, contacts.ports) == ("10.0.0.7", 3, (1, 2, 3))
    assert contacts.direction == "outbound"


def test_losses_of_packets_become_a_finding() -> None:
    made = records()
    for minute in range(20):
        made.lost(counted(START + minute * 60 * SECOND, 300 if minute < 10 else 0))
    rules = {one.record.rule for one in made.told() if isinstance(one.record, NetworkFinding)}
    assert len(rules) == 1


def test_what_was_acknowledged_and_never_seen_becomes_one_too() -> None:
    made = records()
    for number in range(3):
        each = {"acked": 10**7, "unseen": 5 * 10**6, "holes": 50}
        made.lost(CaptureStats(at=START + number * 20 * SECOND, interface="eth0", **each))
    made.time(START + 40 * SECOND, last=True)
    (found,) = [one.record for one in made.told() if isinstance(one.record, NetworkFinding)]
    assert (found.rule, found.numbers["acked_bytes"]) == ("capture.loss", 3e7)


def test_detections_can_be_switched_off() -> None:
    made = records(detect={"off": ["scan"]})
    made.take(scan())  # type: ignore[arg-type]
    made.time(START + HOUR, last=True)
    rules = {one.record.rule for one in made.told() if isinstance(one.record, NetworkFinding)}
    assert not {rule for rule in rules if rule.startswith("scan")}


def test_owners_of_listeners_and_of_conversations() -> None:
    made = records()
    out = conn(client="10.0.0.7", server="203.0.113.80", direction=Direction.OUTBOUND)
    made.began([out, conn()])
    (asked,) = made.asked()
    assert (asked.local_port, asked.remote_port) == (50_000, 443)
    assert made.asked() == ()
    made.own({out.key: Owner(process="curl", user="www-data")}, {"6/443": Owner(process="nginx")})
    made.take([flow(), flow(out)])
    made.time(START + HOUR, last=True)
    flows = [one.record for one in made.told() if isinstance(one.record, NetworkFlow)]
    owners = {(one.process, one.user) for one in flows}
    assert owners == {("nginx", None), ("curl", "www-data")}


@pytest.mark.parametrize("direction", [Direction.EXTERNAL, Direction.INBOUND])
def test_owners_that_cannot_be_known_are_not_asked_for(direction: Direction) -> None:
    made = records()
    made.began([conn(direction=direction)])
    assert made.asked() == ()


def test_nobody_is_asked_when_owners_are_not_wanted() -> None:
    made = records(processes=False)
    made.began([conn(direction=Direction.OUTBOUND)])
    assert made.asked() == ()


def test_what_was_asked_is_bounded() -> None:
    made = records()
    made.began([conn(port=n, direction=Direction.OUTBOUND, key=n) for n in range(1, 5000)])
    assert len(made.asked()) == 512


def test_facts_carry_the_program() -> None:
    made = records()
    out = conn(client="10.0.0.7", server="10.0.0.53", port=53, direction=Direction.OUTBOUND)
    made.own({out.key: Owner(process="systemd-resolve")}, None)
    made.take([Dns(conn=out, at=START, name="a.example.org", type=1)])
    made.time(START + HOUR)
    (fact,) = [one.record for one in made.told() if isinstance(one.record, NetworkService)]
    assert fact.process == "systemd-resolve"


def test_what_was_learned_survives_and_rubbish_is_said() -> None:
    made = records()
    made.take(scan())  # type: ignore[arg-type]
    again = Records(NetworkSettings(), made.learned())
    assert again.faults() == ()
    broken = Records(NetworkSettings(), b"rubbish")
    assert broken.faults() == ("all could not use what it had learned",)


def test_evictions_are_told_by_part() -> None:
    evicted = records().evicted()
    assert set(evicted) >= {"facts", "summary", "records", "scan"}
    assert set(evicted.values()) == {0}


def test_a_clock_that_is_set_back_does_not_make_it_silent() -> None:
    made = records()
    made.take([flow(at=START)])
    made.lost(counted(START, 900))
    made.time(START)
    made.told()
    early = START - 24 * HOUR
    made.take([flow(at=early)])
    made.time(early)
    made.lost(counted(early, 900))
    kinds = {type(one.record) for one in made.told()}
    assert NetworkFlow in kinds
    assert made._counted == {}, "the minute of losses is over"
