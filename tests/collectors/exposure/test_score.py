"""How bad a finding is: what is not an alarm stands first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.exposure.score import Score, betrayed, judge, registered
from collectors.kinds import Severity, Tally


def tally(type_: str, count: int = 1, confidence: float = 0.95) -> Tally:
    return Tally(type=type_, count=count, distinct=count, confidence=confidence)


@pytest.mark.parametrize(
    ("tallies", "reachable", "name", "severity"),
    [
        ([tally("nik", 1, 0.6)], "web_root", "/a.txt", Severity.LOW),
        ([tally("nik", 3)], "private", "/a.txt", Severity.LOW),
        ([tally("dsn")], "web_root", "/config.php", Severity.LOW),
        ([tally("password")], "private", "/.env", Severity.LOW),
        ([tally("private_key")], "world_readable", "/usr/share/doc/x/key.pem", Severity.LOW),
        ([tally("password")], "world_readable", "/usr/share/x/doc/upgrade.md", Severity.LOW),
        ([tally("password_hash")], "world_readable", "/opt/x/_test/users.php", Severity.LOW),
        ([tally("private_key")], "web_root", "/var/www/tests/key.pem", Severity.CRITICAL),
        ([tally("phone", 500)], "world_readable", "/srv/a.csv", Severity.LOW),
        ([tally("phone", 500)], "web_root", "/a.csv", Severity.MEDIUM),
        ([tally("nik", 500)], "world_readable", "/usr/share/doc/x/a.csv", Severity.HIGH),
        ([tally("marking")], "web_root", "/surat.txt", Severity.HIGH),
        ([tally("nisn", 500)], "web_root", "/siswa.csv", Severity.CRITICAL),
        ([tally("telegram_token")], "world_readable", "/opt/bot.env", Severity.MEDIUM),
        ([tally("nik", 5000)], "private", "/a.sql", Severity.MEDIUM),
        ([tally("nik", 5)], "world_readable", "/a.sql", Severity.MEDIUM),
        ([tally("nik", 5000)], "world_readable", "/a.sql", Severity.HIGH),
        ([tally("nik", 1)], "web_root", "/a.sql", Severity.HIGH),
        ([tally("dsn")], "web_root", "/.env", Severity.HIGH),
        ([tally("nip", 500)], "web_root", "/a.csv", Severity.MEDIUM),
        ([tally("kk", 100)], "web_root", "/a.sql", Severity.CRITICAL),
        ([tally("private_key")], "web_root", "/id_rsa", Severity.CRITICAL),
    ],
)
def test_severity(tallies: list[Tally], reachable: str, name: str, severity: Severity) -> None:
    assert judge(tallies, reachable, name).severity == severity


def test_reasons() -> None:
    judged = judge([tally("nik", 200), tally("kk", 200)], "web_root", "/a.sql")
    assert judged.reasons == ("in_web_root", "bulk", "combination")


tallies = st.lists(
    st.builds(
        tally,
        st.sampled_from(["nik", "kk", "nip", "npwp", "card", "dsn", "private_key", "new"]),
        st.integers(1, 10**9),
        st.floats(0.5, 1),
    ),
    min_size=1,
    max_size=4,
)


@given(tallies, st.sampled_from(["web_root", "world_readable", "private", "unknown"]))
def test_score_is_bounded_and_grows_with_reach(found: list[Tally], reachable: str) -> None:
    score = judge(found, reachable, "/a.sql").score
    assert 0 <= score <= 100
    assert judge(found, "private", "/a.sql").score <= score
    assert score <= judge(found, "web_root", "/a.sql").score


@pytest.mark.parametrize(
    ("before", "reachable", "after"),
    [
        (Severity.LOW, "private", Severity.MEDIUM),
        (Severity.MEDIUM, "private", Severity.MEDIUM),
        (Severity.HIGH, "private", Severity.HIGH),
        (Severity.MEDIUM, "world_readable", Severity.HIGH),
        (Severity.HIGH, "web_root", Severity.CRITICAL),
        (Severity.CRITICAL, "web_root", Severity.CRITICAL),
    ],
)
def test_registered_people_weigh_more(before: Severity, reachable: str, after: Severity) -> None:
    judged = registered(Score(95, before, ("bulk", "low_confidence")), reachable)
    assert (judged.score, judged.severity, judged.reasons) == (100, after, ("bulk", "registered"))


def test_a_canary_is_critical_wherever_it_is() -> None:
    judged = betrayed(Score(3, Severity.LOW, ("documentation", "low_confidence")))
    assert judged == (100, Severity.CRITICAL, ("canary",))
