"""What must not happen: a few mistyped passwords, or a busy admin, look like guessing."""

from __future__ import annotations

from collectors.network.detect.brute import Brute
from collectors.network.detect.settings import BruteSettings, DetectSettings
from collectors.network.model import Finding, State
from tests.collectors.network.detect.records import (
    MINUTE,
    SECOND,
    US,
    conn,
    failure,
    flow,
    login,
    one,
    outward,
    shown,
)


def brute(**changes: object) -> Brute:
    detector = one("brute", DetectSettings(brute=BruteSettings(**changes)))  # type: ignore[arg-type]
    assert isinstance(detector, Brute)
    return detector


def rules(found: list[Finding]) -> list[str]:
    return [finding.rule for finding in found]


def ssh(at: int, *, sent: int = 2600, got: int = 3400, packets: int = 16, port: int = 22) -> object:
    return flow(conn(port=port), at, sent=sent, got=got, packets=packets)


def test_some_mistakes_then_success_are_quiet() -> None:
    tries = [login(conn(port=21), n * SECOND) for n in range(9)]
    assert shown(brute(), [*tries, login(conn(port=21), MINUTE, outcome="success")]) == []


def test_a_mail_program_with_an_old_password_is_quiet() -> None:
    tries = [login(conn(port=143), n * MINUTE, protocol="imap") for n in range(500)]
    assert shown(brute(), tries) == []


def test_an_admin_who_works_is_quiet() -> None:
    sessions = [ssh(n * 20 * SECOND, sent=9000, got=15000) for n in range(200)]
    banners = [ssh(n * SECOND, sent=400, got=300, packets=5) for n in range(200)]
    refused = [failure(conn(port=22), n * SECOND) for n in range(200)]
    assert shown(brute(), [*sessions, *banners, *refused]) == []


def test_monitoring_by_ssh_each_minute_is_quiet() -> None:
    checks = [flow(conn("10.9.9.9", port=22), n * MINUTE, sent=3900, got=3700) for n in range(300)]
    assert shown(brute(), checks) == []


def test_logins_without_an_outcome_are_quiet() -> None:
    assert shown(brute(), [login(conn(port=3306), n, outcome="") for n in range(100)]) == []


def test_twenty_failures_in_a_quarter_of_an_hour() -> None:
    found = shown(brute(), [login(conn(port=21), n * 40 * SECOND) for n in range(20)])
    assert rules(found) == ["brute.guessing"]
    assert found[0].count == 20
    assert found[0].technique == "T1110.001"


def test_guessing_from_the_internet_is_everyday() -> None:
    tries = [login(conn(port=21), n * SECOND) for n in range(25)]
    spread = [login(conn(f"203.0.113.{n}", US, 25), n * MINUTE, protocol="smtp") for n in range(20)]
    found = shown(brute(), [*tries, *spread, *(ssh(n * SECOND) for n in range(40))])
    assert {one.severity for one in found} == {"low"}
    assert len(found) == 3


def test_guessing_from_inside_is_worth_a_look() -> None:
    near = [login(conn("10.3.0.9", port=21), n * SECOND) for n in range(20)]
    (found,) = shown(brute(), near)
    assert found.severity == "high"
    checks = [flow(conn("10.3.0.9", port=22), n * MINUTE // 2, sent=2600) for n in range(40)]
    (unsure,) = shown(brute(), checks)
    assert unsure.severity == "medium"
    assert shown(brute(quiet=("10.3.0.0/24",)), [*near, *checks]) == []


def test_success_after_guessing_is_critical() -> None:
    tries = [login(conn(port=21), n * SECOND) for n in range(25)]
    found = shown(brute(), [*tries, login(conn(port=21), MINUTE, outcome="success")])
    assert rules(found) == ["brute.guessing", "brute.success"]
    assert found[1].severity == "critical"


def test_ssh_by_shape_and_the_long_session_after_it() -> None:
    tries = [ssh(n * 30 * SECOND) for n in range(30)]
    found = shown(brute(), [*tries, ssh(20 * MINUTE, sent=9000, got=50_000)])
    assert rules(found) == ["brute.guessing", "brute.success"]
    assert found[1].severity == "high"


def test_ssh_that_was_judged_by_its_login_is_not_judged_by_shape() -> None:
    detector = brute(ssh_connections=3)
    for n in range(10):
        which = conn(port=22)
        assert shown(detector, [login(which, n, protocol="ssh", outcome="success")]) == []
        assert shown(detector, [flow(which, n, sent=2000, got=3000)]) == []


def test_many_accounts_from_one_source() -> None:
    tries = [login(conn(port=80), n * 5 * MINUTE, protocol="http", user=f"u{n}") for n in range(10)]
    found = shown(brute(), tries)
    assert rules(found) == ["brute.spraying"]
    assert found[0].technique == "T1110.003"


def test_one_account_from_many_sources() -> None:
    tries = [login(conn(f"203.0.113.{n}", US, 25), n * MINUTE, protocol="smtp") for n in range(20)]
    assert rules(shown(brute(), tries)) == ["brute.distributed"]


def test_our_own_host_that_guesses_is_high() -> None:
    found = shown(brute(), [login(outward("10.2.2.2", 21), n * SECOND) for n in range(20)])
    assert found[0].severity == "high"


def test_refused_connections_are_no_logins() -> None:
    tries = [flow(conn(port=22), n, state=State.REJ) for n in range(100)]
    assert shown(brute(), tries) == []


def test_state_is_bounded() -> None:
    detector = brute(sources=32)
    for n in range(2000):
        source = f"203.{n // 250}.7.{n % 250}"
        shown(detector, [login(conn(source, US, 21), n, user=f"user{n}")])
    assert detector.evicted() > 0
    assert len(detector._sources) <= 32
    assert len(detector._accounts) <= 32
    assert len(detector._spread) <= 32
