"""A citizen's own page is no breach, and neither is a database that speaks to its application."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.kinds import Severity
from collectors.network.weigh import Weight, is_public, reasons, severity, wanted, way_of


def weight(people: int = 0, *types: str, **facts: Any) -> Weight:
    known = {"way": "leaving", "public": True, "people": people, "seen": people, "pieces": 1}
    return Weight(**{**known, "types": frozenset(types or ("nik",)), **facts})


@pytest.mark.parametrize(
    "judged",
    [
        weight(1),
        weight(1, registered=True),
        weight(6, "nik", "kk"),
        weight(2, pieces=500),
        weight(500, public=False, pieces=1, way="passing", seen=9),
        weight(1, "jwt"),
        weight(0, "email", "phone", "jwt"),
        weight(0, "private_key", way="arriving"),
        weight(3, way="arriving"),
        weight(1, login=True, public=False),
        weight(1, login=True, public=True, known=True, way="inside"),
    ],
)
def test_what_is_low_at_most(judged: Weight) -> None:
    assert (severity(judged) or Severity.LOW) is Severity.LOW


def test_inside_a_host_only_many_are_told() -> None:
    assert severity(weight(9, way="inside", public=False)) is None
    assert severity(weight(10, way="inside", public=False)) is Severity.LOW
    assert severity(weight(0, "phone")) is None


@pytest.mark.parametrize(
    ("judged", "level"),
    [
        (weight(100), Severity.CRITICAL),
        (weight(1204), Severity.CRITICAL),
        (weight(5000, seen=20), Severity.CRITICAL),
        (weight(99), Severity.HIGH),
        (weight(10), Severity.HIGH),
        (weight(10, registered=True), Severity.CRITICAL),
        (weight(3, pieces=3), Severity.MEDIUM),
        (weight(100, public=False), Severity.MEDIUM),
        (weight(100, way="arriving"), Severity.MEDIUM),
        (weight(100, way="passing"), Severity.CRITICAL),
        (weight(0, "private_key"), Severity.HIGH),
        (weight(0, "marking"), Severity.HIGH),
        (weight(0, "dsn", public=False), Severity.MEDIUM),
        (weight(100, "custom.no_rm"), Severity.CRITICAL),
        (weight(0, "nik", canary=True, public=False, way="inside"), Severity.CRITICAL),
        (weight(1, login=True), Severity.MEDIUM),
        (weight(1, login=True, known=True), Severity.HIGH),
        (weight(1, login=True, known=True, public=False), Severity.MEDIUM),
    ],
)
def test_levels(judged: Weight, level: Severity) -> None:
    assert severity(judged) is level


def test_a_few_seen_make_no_crowd() -> None:
    """One page of a family at the begin of a large file says nothing of the rest."""
    assert severity(weight(4000, seen=4)) is Severity.LOW


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *[(one, False) for one in ("", "x", "10.9.8.7", "127.0.0.1", "192.168.1.1", "100.64.0.1")],
        *[(one, False) for one in ("172.31.0.1", "::1", "fe80::1", "fd00::1", "224.0.0.1")],
        *[(one, True) for one in ("203.0.113.9", "8.8.8.8", "172.32.0.1", "2001:db8::1")],
    ],
)
def test_who_is_outside(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("direction", "from_client", "way"),
    [
        ("inbound", True, "arriving"),
        ("inbound", False, "leaving"),
        ("outbound", True, "leaving"),
        ("outbound", False, "arriving"),
        ("internal", True, "inside"),
        ("internal", False, "inside"),
        ("external", True, "passing"),
        ("new", False, "passing"),
    ],
)
def test_ways(direction: str, from_client: bool, way: str) -> None:
    assert way_of(direction, from_client=from_client) == way


def test_reasons() -> None:
    assert reasons(weight(1), head_only=False, proxied=False) == ("own_page",)
    many = weight(5000, "nik", "dsn", seen=300, registered=True)
    said = reasons(many, head_only=True, proxied=True)
    assert said == ("bulk", "registered", "credentials", "head_only", "proxied")
    login = weight(1, "password", login=True)
    assert reasons(login, head_only=False, proxied=False) == ("login",)


def test_what_is_worth_telling_alone() -> None:
    assert not wanted({"phone", "email", "jwt", "gcp_key", "secret"})
    assert all(wanted({one, "phone"}) for one in ("nik", "dsn", "marking", "custom.x"))
