"""What must not happen: honest clients, late answers or dead mail hosts look like scans."""

from __future__ import annotations

import pytest

from collectors.network.detect.scan import Scan
from collectors.network.detect.settings import DetectSettings, ScanSettings
from collectors.network.model import ACK, FIN, PSH, SYN, UDP, URG, Direction, Finding, State
from tests.collectors.network.detect.records import (
    HOUR,
    MINUTE,
    SECOND,
    START,
    US,
    conn,
    failure,
    flow,
    one,
    outward,
    packed,
    shown,
)


def scan(**changes: object) -> Scan:
    detector = one("scan", DetectSettings(scan=ScanSettings(**changes)))  # type: ignore[arg-type]
    assert isinstance(detector, Scan)
    return detector


def rules(found: list[Finding]) -> list[str]:
    return [finding.rule for finding in found]


def test_many_connections_that_succeed_are_quiet() -> None:
    detector = scan()
    assert shown(detector, [flow(conn(port=n), n * SECOND) for n in range(1, 200)]) == []
    assert detector.tick(START + HOUR) == []


def test_one_closed_port_tried_again_and_again_is_quiet() -> None:
    detector = scan()
    assert shown(detector, [failure(conn(port=8443), n * SECOND) for n in range(500)]) == []
    assert detector.tick(START + HOUR) == []


def test_a_mail_server_with_some_dead_hosts_is_quiet() -> None:
    detector = scan()
    tries = [failure(outward(f"203.0.113.{n}", 25), n * SECOND) for n in range(20)]
    assert shown(detector, tries) == []
    assert detector.tick(START + HOUR) == []


def test_late_answers_and_one_way_groups_and_traceroute_are_quiet() -> None:
    detector = scan()
    late = [
        failure(conn("8.8.8.8", US, 40000 + n, proto=UDP, client_port=53), n * SECOND)
        for n in range(60)
    ]
    groups = [failure(outward(f"239.0.0.{n}", 5000 + n, proto=UDP), n * SECOND) for n in range(60)]
    trace = [failure(outward(port=33434 + n, proto=UDP), n * SECOND) for n in range(90)]
    assert shown(detector, late + groups + trace) == []


def test_ports_slower_than_the_window_are_no_vertical_scan() -> None:
    detector = scan()
    slow = [failure(outward(port=n), n * MINUTE) for n in range(1, 100)]
    assert shown(detector, slow) == []


def test_ordinary_ends_are_no_stealth() -> None:
    detector = scan()
    late = [flow(conn(port=n), state=State.OTH, flags=FIN | ACK) for n in range(50)]
    acks = [flow(conn(port=n), state=State.OTH, flags=ACK) for n in range(50)]
    assert shown(detector, late + acks) == []


def test_our_own_scanner_is_quiet() -> None:
    detector = scan(quiet=("10.9.0.0/24",))
    probes = [failure(conn("10.9.0.7", US, port)) for port in range(1, 100)]
    assert shown(detector, probes) == []
    assert detector.tick(START + HOUR) == []


def test_vertical_from_outside_is_low() -> None:
    found = shown(scan(), [failure(conn(port=n), n * SECOND) for n in range(1, 16)])
    assert rules(found) == ["scan.vertical"]
    assert (found[0].severity, found[0].technique) == ("low", "T1595")
    assert found[0].numbers["different_ports"] == 15
    assert found[0].source == packed("203.0.113.9")


def test_udp_ports_count_as_well() -> None:
    probes = [failure(conn(port=n, proto=UDP), n * SECOND) for n in range(1, 21)]
    assert rules(shown(scan(), probes)) == ["scan.vertical"]


def test_our_own_sweep_is_high() -> None:
    sweep = [failure(outward(f"10.2.0.{n}", 445), n * SECOND) for n in range(1, 26)]
    found = shown(scan(), sweep)
    assert rules(found) == ["scan.horizontal"]
    assert (found[0].severity, found[0].port) == ("high", 445)
    assert found[0].direction is Direction.OUTBOUND


def test_four_first_contacts_that_fail_decide_but_wait_for_a_count() -> None:
    detector = scan()
    assert shown(detector, [failure(conn(port=n), n * MINUTE * 7) for n in range(1, 5)]) == []
    assert detector.tick(START + 29 * MINUTE) == []
    found = list(detector.tick(START + HOUR))
    assert rules(found) == ["scan.trw"]
    assert found[0].score > 0.99
    assert detector.tick(START + 2 * HOUR) == []


def test_one_scan_is_told_once() -> None:
    detector = scan()
    found = shown(detector, [failure(conn(port=n), n * SECOND) for n in range(1, 21)])
    assert rules(found) == ["scan.vertical"]
    assert detector.tick(START + HOUR) == []


def test_overheard_failures_make_no_walk() -> None:
    detector = scan()
    overheard = [failure(conn(port=n, direction=Direction.EXTERNAL)) for n in range(1, 9)]
    assert shown(detector, overheard) == []
    assert detector.tick(START + HOUR) == []


def test_successes_weigh_against_failures() -> None:
    detector = scan()
    mixed = []
    for n in range(1, 40):
        mixed += [failure(conn(port=n * 2)), flow(conn(port=n * 2 + 1))]
    walk = scan(ports=1000)
    assert shown(walk, mixed) == []
    assert walk.tick(START + HOUR) == []
    assert detector.evicted() == 0


@pytest.mark.parametrize("flags", [FIN, 0, FIN | PSH | URG, SYN | FIN])
def test_crafted_probes(flags: int) -> None:
    probes = [flow(conn(port=n), n * SECOND, state=State.OTH, flags=flags) for n in range(1, 6)]
    assert rules(shown(scan(), probes)) == ["scan.stealth"]


def test_state_is_bounded() -> None:
    detector = scan(sources=64)
    for n in range(2000):
        address = f"203.{n // 250}.7.{n % 250}"
        shown(detector, [failure(conn(address, US, port)) for port in (1, 2)])
    assert detector.evicted() > 0
    assert len(detector._walks) <= 64
    assert len(detector._ports) <= 64
