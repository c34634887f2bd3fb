"""Flows add up as seen from their host; values meet by their tokens alone."""

from __future__ import annotations

from typing import Any

import pytest

from server.api.exposure_overlap import Side
from server.api.network import added_up, finding_view, flow_view, joined, names_of
from server.store.stored import StoredEvent

T0 = 1_795_500_000 * 10**9


def event(kind: str, severity: int = 0, host: str = "web1", **fields: Any) -> StoredEvent:
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return StoredEvent(
        day="2026-11-24",
        row=1,
        agent="a",
        epoch=1,
        sequence=1,
        observed=T0,
        received=T0,
        kind=kind,
        severity=severity,
        opd="Dinas A",
        host=host,
        fields=named,
    )


def flow(**fields: Any) -> StoredEvent:
    known = {
        "network__direction": "inbound",
        "network__transport": "tcp",
        "source__ip": "203.0.113.9",
        "destination__ip": "10.0.0.5",
        "destination__port": 80,
        "source__bytes": 100,
        "destination__bytes": 9000,
        "ronda__flow__count": 3,
        "event__start": T0,
        "event__end": T0 + 10**9,
    }
    return event("network.flow", **{**known, **fields})


@pytest.mark.parametrize("fields", [{}, {"source__bytes": "x", "ronda__flow__states": 7}])
def test_what_a_stranger_sends(fields: dict[str, Any]) -> None:
    row = flow_view(event("network.flow", **fields))
    assert (row["peer"], row["count"], row["sent"], row["failed"]) == (None, 1, 0, 0)


def test_seen_from_the_host() -> None:
    answered = flow_view(flow())
    assert (answered["peer"], answered["sent"], answered["received"]) == ("203.0.113.9", 9000, 100)
    opened = flow_view(flow(network__direction="outbound"))
    assert (opened["peer"], opened["sent"], opened["received"]) == ("10.0.0.5", 100, 9000)


def test_added_up() -> None:
    rows = [flow(), flow(event__end=T0 + 5 * 10**9), flow(source__ip="192.0.2.1", source__bytes=1)]
    first, second = added_up(map(flow_view, rows))
    assert (first["peer"], first["count"], first["sent"]) == ("203.0.113.9", 6, 18_000)
    assert (first["first"], first["last"]) == (
        "2026-11-24T06:00:00.000000Z",
        "2026-11-24T06:00:05.000000Z",
    )
    assert second["peer"] == "192.0.2.1"
    failed = flow(ronda__flow__states={"S0": 2, "REJ": 1, "SF": 4})
    assert added_up([flow_view(failed)])[0]["failed"] == 3


def test_findings_in_words() -> None:
    login = event(
        "network.content",
        3,
        ronda__data__reasons=["login"],
        ronda__data__types=["password"],
        ronda__data__count=1,
        user__name="budi",
        ronda__content__what="ftp port 21",
    )
    row = finding_view(login)
    assert (row["finding"], row["level"]) == ("login", "high")
    assert row["detail"] == "ftp port 21; password; account budi"
    assert finding_view(event("network.sweep", 2))["finding"] == "sweep"
    assert finding_view(event("network.finding"))["finding"] == "?"
    assert finding_view(event("network.content", ronda__content__way="leaving"))["finding"] == (
        "content.leaving"
    )


def test_names() -> None:
    events = [
        event("network.service", network__protocol="tls", destination__domain="a.example"),
        event("network.service", network__protocol="ssh", ronda__service__count=5),
        event("network.service"),
    ]
    assert names_of(events) == ["ssh", "tls a.example"]


def crossed(*tokens: str, type_: str = "nik") -> StoredEvent:
    tally = {"type": type_, "distinct": len(tokens), "tokens": list(tokens)}
    return event("network.content", 4, ronda__data__tallies=[tally, {"type": "kk"}, 7])


def lies(name: str, *tokens: str, type_: str = "nik") -> Side:
    return Side(name, "db1", "Dinas B", f"/srv/{name}", type_, len(tokens), frozenset(tokens))


def test_what_has_nothing_in_common() -> None:
    assert list(joined([crossed("a")], [lies("x", "b"), lies("y", "a", type_="kk")])) == []
    assert list(joined([], [lies("x", "b")])) == []


def test_whose_data_left() -> None:
    files = [lies("x", "a"), lies("y", "a", "b", "c"), lies("z", "q")]
    rows = list(joined([crossed("a", "b")], files))
    assert [(row["path"], row["certain"]) for row in rows] == [("/srv/y", 2), ("/srv/x", 1)]
    assert (rows[0]["file_host"], rows[0]["exposure"], rows[0]["level"]) == ("db1", "y", "critical")
