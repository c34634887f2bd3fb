"""`ronda network`, from stored events to the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from server.cli.errors import BadRequest
from tests.server.api.collector import OTHER, Collector, batch, event

HOSTILE = "\x1b[2J\u202emoc.dinas"
SINCE = ("--since", "2026-11-01T00:00")
TALLY = {"type": "nik", "count": 1204, "distinct": 1204, "tokens": ["aa", "bb"], "exact": True}


def flow(sequence: int, peer: str, **fields: Any) -> Any:
    known = {
        "network__direction": "inbound",
        "network__transport": "tcp",
        "source__ip": peer,
        "destination__ip": "10.0.0.5",
        "destination__port": 80,
        "source__bytes": 1500,
        "destination__bytes": 2_000_000,
    }
    return event(sequence, "network.flow", severity=0, **{**known, **fields})


@pytest.fixture
def busy(collector: Collector) -> Collector:
    collector.add_agent()
    collector.add_agent(OTHER, host="db1")
    collector.write(
        batch(
            flow(1, "203.0.113.9"),
            flow(2, "203.0.113.9"),
            flow(3, "198.51.100.1", process__name=HOSTILE),
            event(
                4,
                "network.content",
                severity=4,
                ronda__data__tallies=[TALLY],
                ronda__data__types=["nik"],
                ronda__data__count=1204,
                ronda__content__way="leaving",
                ronda__content__peer="203.0.113.9",
                ronda__content__what="GET opd.test/export.csv (200)",
            ),
            event(
                5,
                "network.finding",
                severity=1,
                rule__name="scan.trw",
                source__ip="198.51.100.1",
                ronda__finding__texts=[HOSTILE],
            ),
            event(
                6,
                "exposure.finding",
                file__path="/var/www/export.csv",
                ronda__data__tallies=[TALLY],
                ronda__data__types=["nik"],
            ),
            event(
                7,
                "network.service",
                severity=0,
                network__protocol="http",
                source__ip="203.0.113.9",
                ronda__service__software="nginx",
            ),
        )
    )
    return collector


def test_nothing_is_no_mistake(collector: Collector) -> None:
    done = collector.call("network", "flows")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no flows in this time\n")
    assert collector.call("network", "findings").stderr == "no findings in this time\n"
    assert "nothing that crossed" in collector.call("network", "leaks").stderr
    with pytest.raises(BadRequest, match="an address or a name"):
        collector.client.get("/v1/network/flows", peer="a b")


def test_flows(busy: Collector) -> None:
    done = busy.call("network", "flows", *SINCE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    rows = busy.json("network", "flows", *SINCE)
    assert [(row["peer"], row["count"], row["sent"]) for row in rows] == [
        ("203.0.113.9", 2, 4_000_000),
        ("198.51.100.1", 1, 2_000_000),
    ]
    assert len(busy.json("network", "flows", *SINCE, "--peer", "203.0.113.9")) == 1
    assert busy.json("network", "flows", *SINCE, "--port", "443") == []
    assert busy.json("network", "flows", *SINCE, "--host", "db1") == []


def test_findings(busy: Collector) -> None:
    rows = busy.json("network", "findings", *SINCE)
    assert {row["finding"] for row in rows} == {"content.leaving", "scan.trw"}
    grave = busy.json("network", "findings", *SINCE, "--level", "high")
    assert [(row["level"], row["count"]) for row in grave] == [("critical", 1204)]
    assert "\x1b" not in busy.call("network", "findings", *SINCE).stdout


def test_show(busy: Collector) -> None:
    done = busy.call("network", "show", "203.0.113.9", *SINCE)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("spoke with web1", "http nginx", "4.0 MB", "GET opd.test/export.csv (200)"):
        assert words in done.stdout
    assert "198.51.100.1" not in done.stdout
    unknown = busy.call("network", "show", "192.0.2.77", *SINCE)
    assert "spoke with no host" in unknown.stdout


def test_whose_data_left(busy: Collector) -> None:
    (row,) = busy.json("network", "leaks", *SINCE)
    assert (row["path"], row["certain"], row["peer"]) == ("/var/www/export.csv", 2, "203.0.113.9")
