"""What must not happen: nightly backups, updates and visitors look like theft."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from collectors.network.detect.exfil import Exfil
from collectors.network.detect.settings import DetectSettings, ExfilSettings
from collectors.network.model import Finding, Flow
from tests.collectors.network.detect.records import (
    HOUR,
    MINUTE,
    START,
    US,
    conn,
    flow,
    one,
    outward,
)

MB = 1_000_000
DAYS = 10


def detector(**changes: object) -> Exfil:
    made = one("exfil", DetectSettings(exfil=ExfilSettings(**changes)))  # type: ignore[arg-type]
    assert isinstance(made, Exfil)
    return made


def fed(made: Exfil, records: Iterator[Flow] | list[Flow]) -> list[Finding]:
    found: list[Finding] = []
    for record in records:
        found += made.tick(record.last)
        found += made.see(record)
    return found


def usual(days: int = DAYS) -> Iterator[Flow]:
    """Yield hours of visitors and small calls, and a backup each night."""
    for hour in range(days * 24):
        at = hour * HOUR
        if hour % 24 == 2:
            for part in range(4):
                size = (500 + hour % 7 * 20) * MB
                yield flow(outward("198.51.100.50"), at + part * MINUTE, sent=size, got=MB)
        yield flow(outward("198.51.100.51"), at, sent=MB, got=40 * MB)
        yield flow(conn(f"203.0.113.{hour % 200}", US), at, sent=5000, got=(hour % 9) * 10 * MB)


def test_backups_updates_and_visitors_are_quiet() -> None:
    assert fed(detector(), usual()) == []


def test_large_downloads_of_ours_are_no_upload() -> None:
    made = detector()
    fed(made, usual())
    big = [flow(outward("198.51.100.99"), DAYS * 24 * HOUR, sent=60 * MB, got=4000 * MB)]
    assert fed(made, big) == []


def test_private_peers_are_quiet() -> None:
    made = detector()
    fed(made, usual())
    assert fed(made, [flow(outward("10.9.9.9"), DAYS * 24 * HOUR, sent=9000 * MB)]) == []


def test_nothing_is_told_while_it_learns() -> None:
    assert fed(detector(), [flow(outward(), n * HOUR, sent=900 * MB) for n in range(24)]) == []


def test_much_to_a_peer_never_seen() -> None:
    made = detector()
    fed(made, usual())
    at = DAYS * 24 * HOUR
    found = fed(made, [flow(outward(), at + n, sent=10 * MB) for n in range(20)])
    assert [one.rule for one in found] == ["exfil.first_seen"]
    assert found[0].numbers["bytes_out_this_hour"] == 50 * MB
    assert found[0].entity == "198.51.100.7"


def test_the_slow_way_on_the_first_day() -> None:
    made = detector()
    fed(made, usual())
    begin = (START // (24 * HOUR) + DAYS + 1) * 24 * HOUR - START
    slow = [flow(outward(), begin + n * 30 * MINUTE, sent=20 * MB) for n in range(40)]
    assert "exfil.slow" in [one.rule for one in fed(made, slow)]


def test_much_more_than_usual_to_a_known_peer() -> None:
    made = detector()
    fed(made, usual())
    found = fed(made, [flow(outward("198.51.100.51"), DAYS * 24 * HOUR, sent=900 * MB, got=MB)])
    assert [one.rule for one in found] == ["exfil.volume"]
    assert found[0].numbers["z"] > 6


def test_a_visitor_who_takes_very_much() -> None:
    made = detector()
    fed(made, usual())
    at = DAYS * 24 * HOUR
    found = fed(made, [flow(conn(), at + n, got=200 * MB) for n in range(10)])
    assert [one.rule for one in found] == ["exfil.download"]
    assert found[0].entity == "203.0.113.9"


def test_what_was_learned_outlives_a_restart() -> None:
    made = detector()
    fed(made, usual())
    after = detector()
    after.restore(made.save())
    at = DAYS * 24 * HOUR
    night = [record for record in usual(11) if record.begin >= START + at]
    assert fed(after, night) == []
    found = fed(after, [flow(outward(), at + 25 * HOUR, sent=90 * MB)])
    assert [one.rule for one in found] == ["exfil.first_seen"]


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x95\x09\x00\x90\x90\x90", b"\x93\x01\x02\x03"])
def test_state_of_others_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"baseline|168"):
        detector().restore(data)


def test_state_is_bounded() -> None:
    made = detector(peers=50)
    for n in range(3000):
        made.see(flow(outward(f"198.{n // 250}.100.{n % 250}"), n))
        made.see(flow(conn(f"203.{n // 250}.100.{n % 250}"), n, got=9000))
    assert made.evicted() > 0
    assert len(made._peers) <= 50
    assert len(made._visitors) <= 50
