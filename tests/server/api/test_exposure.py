"""Exposures over the socket: what is refused, what is not counted, what strangers may send."""

from __future__ import annotations

from typing import Any

import pytest

from server.api.exposure import details, level_of
from server.cli.errors import BadRequest, CliError, NotFound
from server.store.exposures import Exposure
from server.store.stored import from_row
from tests.server.api.collector import AGENT, OTHER, T0, Collector, batch, event


def finding(sequence: int, path: str = "/var/www/dump.sql", **fields: Any) -> Any:
    return event(
        sequence,
        "exposure.finding",
        **{
            "observed": T0 + sequence * 10**9,
            "severity": 4,
            "file__path": path,
            "ronda__data__types": ["nik"],
            "ronda__data__count": 12,
            "ronda__data__reachable": "web_root",
            "ronda__data__tallies": [{"type": "nik", "count": 12, "distinct": 11}],
            **fields,
        },
    )


@pytest.mark.parametrize(
    ("address", "query", "words"),
    [
        ("/v1/exposure", {"by": "planet"}, "by must be one of"),
        ("/v1/exposure", {"level": "awful"}, "level must be one of"),
        ("/v1/exposure", {"limit": 0}, "limit"),
        ("/v1/exposure", {"all": 2}, "all"),
        ("/v1/exposure/overlap", {"by": "x"}, "by must be one of"),
        ("/v1/exposure/overlap", {"id": "zz"}, "12 of the characters"),
        ("/v1/exposure/abc", {}, "12 of the characters"),
        ("/v1/exposure/%25%25%25%25", {}, "12 of the characters"),
    ],
)
def test_what_cannot_be_asked(
    collector: Collector, address: str, query: dict[str, str], words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        collector.client.get(address, **query)


def test_nothing_is_an_empty_answer(collector: Collector) -> None:
    empty = {"more": False, "stopped": False}
    get = collector.client.get
    assert get("/v1/exposure") == {"exposures": [], **empty}
    assert get("/v1/exposure", by="opd") == {"groups": [], **empty}
    assert get("/v1/exposure/overlap") == {"overlaps": [], "skipped": 0, **empty}
    with pytest.raises(NotFound):
        get("/v1/exposure/abcdef012345")


def test_what_is_gone_is_shown_only_when_asked_for(collector: Collector) -> None:
    collector.add_agent()
    collector.add_agent(OTHER, host="web2", revoked=T0)
    gone = event(3, "exposure.cleared", file__path="/tmp/x", event__reason="deleted")
    collector.write(batch(finding(1), finding(2, "/tmp/x", severity=2), gone))
    collector.write(batch(finding(1), agent=OTHER))
    get = collector.client.get
    rows = get("/v1/exposure")["exposures"]
    assert {(row["agent"], row["path"], row["present"]) for row in rows} == {
        (AGENT, "/var/www/dump.sql", "yes"),
        (OTHER, "/var/www/dump.sql", "unknown"),
    }
    everything = get("/v1/exposure", all=1)["exposures"]
    assert [row["end"] for row in everything if row["present"] == "no"] == ["deleted"]
    assert get("/v1/exposure", type="kk")["exposures"] == []
    assert len(get("/v1/exposure", all=1, level="critical", type="NIK")["exposures"]) == 2
    assert len(get("/v1/exposure", host="web2")["exposures"]) == 0  # the name comes with the batch
    few = get("/v1/exposure", limit=1)
    assert (len(few["exposures"]), few["more"]) == (1, True)


def test_a_prefix_of_two_ids_names_them(collector: Collector) -> None:
    # 16 bits of an id: among 400 paths two are almost certain to begin alike.
    collector.write(batch(*(finding(n, f"/srv/{n}") for n in range(1, 401))))
    rows = collector.client.get("/v1/exposure", limit=1000)["exposures"]
    starts = [row["id"][:4] for row in rows]
    twice = [start for start in starts if starts.count(start) > 1]
    if twice:
        with pytest.raises(CliError, match="exposures begin with"):
            collector.client.get(f"/v1/exposure/{twice[0]}")
    once = next(row["id"] for row in rows if starts.count(row["id"][:4]) == 1)
    assert collector.client.get(f"/v1/exposure/{once[:4].upper()}")["id"] == once


def test_what_a_strange_agent_sends_breaks_nothing() -> None:
    fields = (
        '{"ronda.data.tallies":[7,{"type":["x"],"samples":"all of it","distinct":"y"}],'
        '"ronda.data.reasons":"bulk","ronda.data.reachable":[1],"ronda.data.count":true,'
        '"file.mtime":"x","ronda.data.parts":[3]}'
    )
    row = (1, "one", 1, 1, T0, T0, "exposure.finding", 99, "opd", "web1", fields)
    one = Exposure(
        "abcdef012345", "one", "web1", "opd", "/a", None, "yes", T0, T0, None, None, 99, (), "d", 1
    )
    found = details(one, from_row("2026-11-24", row), "yes", "id")
    assert (found["count"], found["distinct"], found["level"]) == (0, 0, "critical")
    assert found["reasons"] == []
    assert found["evidence"][0]["samples"] == []
    assert level_of(-3) == "informational"
