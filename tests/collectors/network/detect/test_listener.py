"""What must not happen: known services, data ports of FTP or half-open tries look new."""

from __future__ import annotations

import pytest

from collectors.network.detect.listener import Listener
from collectors.network.detect.settings import DetectSettings, ListenerSettings
from collectors.network.model import Banner, Direction, Finding, State
from tests.collectors.network.detect.records import (
    HOUR,
    START,
    US,
    conn,
    failure,
    flow,
    one,
    outward,
    shown,
)

LATER = 30 * HOUR


def detector(**changes: object) -> Listener:
    made = one("listener", DetectSettings(listener=ListenerSettings(**changes)))  # type: ignore[arg-type]
    assert isinstance(made, Listener)
    made.tick(START)
    return made


def test_while_it_learns_and_what_it_learned_is_quiet() -> None:
    made = detector()
    ports = [flow(conn(port=port)) for port in (22, 80, 443)]
    assert shown(made, ports) == []
    assert shown(made, [flow(conn(port=port), LATER) for port in (22, 80, 443)]) == []


def test_what_does_not_answer_is_no_listener() -> None:
    made = detector()
    tries = [failure(conn(port=4444), LATER), flow(conn(port=4444), LATER, state=State.OTH)]
    assert shown(made, tries) == []


def test_our_own_calls_and_loopback_are_quiet() -> None:
    made = detector()
    inner = conn("127.0.0.1", "127.0.0.1", 40404, direction=Direction.INTERNAL)
    assert shown(made, [flow(outward(port=4444), LATER), flow(inner, LATER)]) == []


def test_data_ports_of_ftp_are_quiet() -> None:
    made = detector()
    made.see(Banner(conn=conn(port=21), at=START, protocol="ftp", from_client=False, text="x"))
    assert shown(made, [flow(conn(port=50000 + n), LATER) for n in range(50)]) == []


def test_listed_ports_are_quiet() -> None:
    assert shown(detector(quiet_ports=(8080,)), [flow(conn(port=8080), LATER)]) == []


def test_a_new_one_is_told_once() -> None:
    made = detector()
    found = shown(made, [flow(conn(port=4444), LATER + n) for n in range(5)])
    assert [(one.rule, one.port, one.severity) for one in found] == [("listener.new", 4444, "high")]


def test_an_inside_visitor_makes_it_medium() -> None:
    found = shown(detector(), [flow(conn("10.1.1.77", US, 8443), LATER)])
    assert [one.severity for one in found] == ["medium"]


def test_what_was_learned_outlives_a_restart() -> None:
    made = detector()
    shown(made, [flow(conn(port=443))])
    after = detector()
    after.restore(made.save())
    found: list[Finding] = shown(after, [flow(conn(port=p), LATER) for p in (443, 8443)])
    assert [one.port for one in found] == [8443]
    with pytest.raises(ValueError, match="listeners"):
        after.restore(b"x")
    with pytest.raises(ValueError, match="version"):
        after.restore(b"\x93\x09\x00\x90")


def test_state_is_bounded() -> None:
    made = detector(listeners=20)
    shown(made, [flow(conn(port=n), LATER) for n in range(1, 3000)])
    assert len(made._ports) <= 20
    assert made.evicted() > 0
