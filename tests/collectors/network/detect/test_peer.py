"""What must not happen: learned peers, admins and programs of no server are told."""

from __future__ import annotations

import pytest

from collectors.network.detect.peer import Peer
from collectors.network.detect.settings import DetectSettings, PeerSettings
from tests.collectors.network.detect.records import (
    HOUR,
    MINUTE,
    START,
    conn,
    everything,
    flow,
    one,
    outward,
    question,
    shown,
)

LATER = 100 * HOUR


def detector(**changes: object) -> Peer:
    made = one("peer", DetectSettings(peer=PeerSettings(**changes)))  # type: ignore[arg-type]
    assert isinstance(made, Peer)
    made.tick(START)
    return made


def test_learned_peers_and_other_programs_are_quiet() -> None:
    made = detector()
    assert shown(made, [flow(outward(), process="nginx")]) == []
    quiet = [
        flow(outward(), LATER, process="nginx"),
        flow(outward("198.51.100.8"), LATER),
        flow(outward("198.51.100.8"), LATER, process="apt"),
        flow(outward("10.1.1.9", 3306), LATER, process="nginx"),
        flow(outward("198.51.100.8", 53), LATER, process="nginx"),
        flow(outward("198.51.100.8"), LATER, process="bash", user="budi"),
        flow(conn(), LATER, process="nginx"),
    ]
    assert shown(made, quiet) == []


@pytest.mark.parametrize(
    ("process", "severity"), [("nginx", "medium"), ("php-fpm8.2", "medium"), ("postgres", "high")]
)
def test_a_peer_without_a_name(process: str, severity: str) -> None:
    found = shown(detector(), [flow(outward(), LATER + n, process=process) for n in range(3)])
    assert [(one.rule, one.severity) for one in found] == [("peer.new", severity)]


def test_a_peer_with_a_name_is_low_and_known_by_its_domain() -> None:
    detectors = everything()
    detectors.see(flow(conn()))
    told = []
    for n in range(3):
        address = f"198.51.100.{n}"
        told += detectors.see(question(f"cdn{n}.example.com", LATER, answers=(address,)))
        told += detectors.see(flow(outward(address), LATER + n * MINUTE, process="php-fpm"))
    assert [(one.rule, one.severity, one.entity) for one in told] == [
        ("peer.new", "low", "php-fpm example.com")
    ]


def test_a_shell_of_the_web_server_is_told_at_once() -> None:
    (found,) = shown(detector(), [flow(outward(), process="bash", user="www-data")])
    assert (found.rule, found.severity, found.technique) == ("peer.shell", "high", "T1059.004")


def test_what_was_learned_outlives_a_restart() -> None:
    made = detector()
    shown(made, [flow(outward(), process="nginx")])
    after = detector()
    after.restore(made.save())
    assert shown(after, [flow(outward(), LATER, process="nginx")]) == []
    with pytest.raises(ValueError, match="peers"):
        after.restore(b"x")
    with pytest.raises(ValueError, match="version"):
        after.restore(b"\x93\x09\x00\x90")


def test_state_is_bounded() -> None:
    made = detector(peers=20)
    for n in range(500):
        made.see(flow(outward(f"198.51.{n // 250}.{n % 250}"), process="nginx"))
    assert len(made._peers) <= 20
    assert made.evicted() > 0
