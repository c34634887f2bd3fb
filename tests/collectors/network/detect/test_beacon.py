"""What must not happen: clocks, mirrors, monitoring and people are taken for beacons."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from collectors.network.detect.beacon import Beacon, schedule
from collectors.network.detect.settings import BeaconSettings, DetectSettings
from collectors.network.model import UDP, Conn, Finding, Flow, Seen, Tls
from tests.collectors.network.detect.records import (
    HOUR,
    MINUTE,
    SECOND,
    START,
    conn,
    everything,
    flow,
    one,
    outward,
)


def calls(every: float, *, jitter: float = 0.0, hours: int = 13, **more: object) -> Iterator[Flow]:
    dice = random.Random(1)
    now = 0.0
    while now < hours * 3600:
        which = more.get("which")
        assert which is None or isinstance(which, Conn)
        yield flow(which or outward(), int(now * SECOND), sent=512, got=700, process="x")
        now += every * dice.uniform(1 - jitter, 1 + jitter)


def found(records: Iterator[Flow], *, hours: int = 13, **changes: object) -> list[Finding]:
    detector = one("beacon", DetectSettings(beacon=BeaconSettings(**changes)))  # type: ignore[arg-type]
    assert isinstance(detector, Beacon)
    assert [x for record in records for x in detector.see(record)] == []
    return list(detector.tick(START + hours * HOUR))


@pytest.mark.parametrize(
    "which",
    [
        outward("203.0.113.1", 123, proto=UDP),
        outward("203.0.113.1", 53, proto=UDP),
        outward("10.1.1.7", 10051),
        outward("169.254.169.254", 80),
    ],
)
def test_clocks_resolvers_and_private_peers_are_quiet(which: Conn) -> None:
    assert found(calls(60, which=which)) == []


def test_listed_peers_are_quiet() -> None:
    assert found(calls(60), quiet_peers=("198.51.100.0/24",)) == []
    assert found(calls(60), quiet_peers=("198.51.100.7",)) == []


def test_a_mirror_is_quiet_by_its_name() -> None:
    detectors = everything()
    for n in range(2000):
        which = outward()
        at = n * 30 * SECOND
        records: list[Seen] = [
            Tls(conn=which, at=START + at, sni="id.archive.ubuntu.com"),
            flow(which, at, sent=512),
        ]
        assert detectors.many(records) == []


def test_visitors_who_call_us_are_not_looked_at() -> None:
    assert found(calls(60, which=conn())) == []


def test_a_short_while_is_not_enough() -> None:
    assert found(calls(60, hours=5), hours=5) == []


def test_what_stopped_long_ago_is_not_told_now() -> None:
    assert found(calls(60), hours=48) == []


@pytest.mark.parametrize(("every", "jitter"), [(60, 0.2), (60, 0.0), (900, 0.1), (300, 0.3)])
def test_a_beacon(every: float, jitter: float) -> None:
    (finding,) = found(calls(every, jitter=jitter))
    assert finding.rule == "beacon"
    assert abs(finding.numbers["interval_seconds"] - every) < every * 0.1
    assert finding.score >= 0.8
    assert finding.process == "x"


@pytest.mark.parametrize(
    ("times", "minutes"),
    [
        ([], 0),
        ([n * 3600.0 + 1 for n in range(20)], 60),
        ([n * 300.0 - 0.4 + n % 3 * 0.5 for n in range(90)], 5),  # at the end of the minute
        ([n * 60.5 for n in range(400)], 0),  # sleeps for a minute, works for half a second
        ([n * 3600.0 + n % 7 for n in range(40)], 0),
        ([n * 90.0 for n in range(400)], 0),
        ([n * 10.0 for n in range(400)], 0),
    ],
)
def test_what_keeps_to_the_minute(times: list[float], minutes: int) -> None:
    assert schedule(times) == minutes


def test_what_cron_starts_is_told_but_not_as_the_worst() -> None:
    (punctual,) = found(calls(300))
    assert (punctual.severity, punctual.numbers["schedule_minutes"]) == ("medium", 5)
    assert punctual.texts == ("198.51.100.7", "timer, 5 min")
    (sleeper,) = found(calls(300.7))
    assert (sleeper.severity, sleeper.numbers["schedule_minutes"]) == ("high", 0)


def test_a_beacon_behind_many_addresses_is_one_peer() -> None:
    detectors = everything()
    told = []
    for n in range(13 * 60):
        which = outward(f"198.51.100.{n % 100}")
        at = n * MINUTE
        told += detectors.see(Tls(conn=which, at=START + at, sni="cdn.evil.example"))
        told += detectors.see(flow(which, at, sent=512))
    beacons = [one for one in told if one.rule == "beacon"]
    assert {one.entity for one in beacons} == {"cdn.evil.example:443"}
    assert len(beacons) <= 2  # once, and once more when the score became high


def test_state_is_bounded() -> None:
    detector = one("beacon", DetectSettings(beacon=BeaconSettings(pairs=20)))
    assert isinstance(detector, Beacon)
    for n in range(500):
        detector.see(flow(outward(f"198.51.{n // 250}.{n % 250}")))
    for n in range(1000):
        detector.see(flow(outward(), n * SECOND))
    assert len(detector._pairs) <= 20
    assert detector.evicted() > 0
    assert max(len(pair.times) for _, pair in detector._pairs.items()) <= 512
