"""Healthy means that nobody has to look: every doubt must be a sentence."""

from __future__ import annotations

import pytest

from server.api.health import Facts, problems


def test_nothing_wrong_says_nothing() -> None:
    assert problems(Facts()) == []
    busy = Facts(detection_lag=5, detection_events=900, outbox_overdue=20, disk_percent=84.9)
    assert problems(busy) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (Facts(roles_down=["the role detect is down"]), "detect"),
        (Facts(silent=["web1 (Dinas)"]), "no sign of life from web1"),
        (Facts(unhealthy=["web1 (Dinas): files is blind"]), "files is blind"),
        (Facts(cloned=["web1 (Dinas)"]), "two machines"),
        (Facts(detection_lag=31, detection_events=7), "31 s behind (7 events)"),
        (Facts(outbox_failed=["phone: refused"]), "phone: refused"),
        (Facts(outbox_overdue=301), "waits 301 s"),
        (Facts(disk_percent=90), "stops storing"),
        (Facts(disk_percent=96), "nothing more is stored"),
        (Facts(rule_errors=["x.yml:3: bad"]), "rule x.yml:3: bad"),
    ],
)
def test_each_trouble_is_named(facts: Facts, words: str) -> None:
    (sentence,) = problems(facts)
    assert words in sentence


def test_the_gravest_comes_first() -> None:
    found = problems(
        Facts(rule_errors=["r"], silent=["s"], disk_percent=99, roles_down=["the role is down"])
    )
    assert found[0] == "the role is down"
    assert found[-1] == "rule r"
