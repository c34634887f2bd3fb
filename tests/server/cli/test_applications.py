"""`ronda exposure applications`, from stored events to the terminal."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from server.cli.errors import BadRequest
from server.detect.applications import Applications
from server.store.events import EventStore
from tests.server.api.collector import OTHER, T0, Collector, batch, event

HOSTILE = "\x1b[2J\u202emoc.dinas"


def application(sequence: int, key: str, state: str, *names: str, **fields: Any) -> Any:
    return event(
        sequence,
        "exposure.application",
        observed=T0 + sequence,
        ronda__application__id=key,
        ronda__application__state=state,
        ronda__application__names=list(names),
        service__type="nginx",
        ronda__application__listening=True,
        ronda__application__ports=[80, 443],
        **fields,
    )


@pytest.fixture
def living(collector: Collector) -> Collector:
    collector.add_agent()
    collector.add_agent(OTHER, host="web2", revoked=T0)
    collector.write(
        batch(
            application(1, "a", "active", "ppid.test", ronda__application__changed=T0),
            application(
                2,
                "b",
                "dormant",
                "lama.test",
                ronda__application__changed=T0 - 500 * 86400 * 10**9,
                ronda__application__framework="CodeIgniter",
                service__version="3.1.11",
            ),
            application(
                3,
                "c",
                "deactivated",
                HOSTILE,
                ronda__application__owner="Disdukcapil",
                ronda__application__served_by="ppid.test",
            ),
        )
    )
    collector.write(batch(application(1, "d", "active", "of-a-revoked-agent.test"), agent=OTHER))
    with closing(EventStore(collector.config.events_dir)) as events:
        Applications(collector.state).store(events.read(None, 100))
    return collector


def test_no_applications_is_no_mistake(collector: Collector) -> None:
    done = collector.call("exposure", "applications")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no applications\n")
    with pytest.raises(BadRequest, match="state must be one of"):
        collector.client.get("/v1/applications", state="asleep")
    both = collector.call("exposure", "applications", "--dormant", "--deactivated")
    assert both.returncode == 2


def test_the_neglected_come_first_and_safe(living: Collector) -> None:
    done = living.call("exposure", "applications")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert "deactivated, served by ppid.test" in lines[1]
    assert "CodeIgniter 3.1.11" in lines[2]
    assert "80, 443" in lines[3]


def test_the_list_can_be_narrowed(living: Collector) -> None:
    def names(*words: str) -> list[list[str]]:
        return [row["names"] for row in living.json("exposure", "applications", *words)]

    assert names("--dormant") == [["lama.test"]]
    assert names("--deactivated") == [[HOSTILE]]
    assert names("--opd", "disdukcapil") == [[HOSTILE]]
    assert len(names("--opd", "dinas kesehatan")) == 3  # of that host, whoever owns it
    assert names("--host", "web2") == []
    assert "lama.test" in living.call("exposure", "applications", "-o", "csv").stdout
