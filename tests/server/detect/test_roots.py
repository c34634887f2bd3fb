"""What must not happen: an alert about an agent that lost events, or none about a doctored one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.alerts.queries import list_alerts
from server.detect.engine import Engine
from server.detect.roots import ALTERED, REPLACED, judge
from server.detect.rulebook import write_down
from server.detect.runner import Runner
from server.store.events import EventStore
from server.store.state import StateStore
from signatures.sigma_load import load_texts
from tests.server.detect.detect_samples import Source

_RULE = Path(__file__).parents[3] / "signatures/sigma/event/baseline_altered.yml"


def told(action: str, root: str, stored: str | None = None, entries: int = 3) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "ronda.kind": "baseline.root",
        "event.action": action,
        "ronda.baseline.root": root,
        "ronda.baseline.entries": entries,
    }
    return fields if stored is None else {**fields, "ronda.baseline.stored": stored}


def dropped(**counts: int) -> dict[str, Any]:
    return {"ronda.kind": "spool.dropped", "ronda.spool.dropped": counts}


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Source]:
    with closing(Source(tmp_path / "events")) as made:
        yield made


@pytest.fixture
def runner(state: StateStore, tmp_path: Path) -> Iterator[Runner]:
    rules = load_texts({_RULE.name: _RULE.read_text()})
    assert rules.problems == ()
    write_down(state, rules)
    with closing(EventStore(tmp_path / "events")) as events:
        yield Runner(state, events, Engine(rules))


FITS: list[list[dict[str, Any]]] = [
    [told("opened", "a")],
    [told("opened", "0", entries=0), told("changed", "a"), told("opened", "a", "a")],
    [told("changed", "a"), told("verified", "a", "a"), told("scanned", "a")],
    [told("changed", "a"), dropped(FLOW=5), told("opened", "b", "b")],
    [told("changed", "a"), told("opened", "0", entries=0), told("changed", "b")],
]

DOES_NOT: list[tuple[list[dict[str, Any]], str]] = [
    ([told("opened", "b", "a")], ALTERED),
    ([told("changed", "a"), told("opened", "b", "a")], ALTERED),
    ([told("changed", "a"), told("opened", "b", "b")], REPLACED),
    ([told("changed", "a"), told("verified", "b", "b")], REPLACED),
    ([told("changed", "a"), told("opened", "b")], REPLACED),
    ([told("changed", "a"), dropped(LOW=5), told("opened", "b", "b")], REPLACED),
    ([told("changed", "a"), dropped(FLOW=5), told("opened", "b", "a")], ALTERED),
]


@pytest.mark.parametrize("records", FITS)
def test_what_fits(
    state: StateStore, runner: Runner, source: Source, records: list[dict[str, Any]]
) -> None:
    for record in records:  # one at a time: what is known comes from the table
        source.store(record)
        runner.step()
    assert list_alerts(state) == []


@pytest.mark.parametrize(("records", "verdict"), DOES_NOT)
@pytest.mark.parametrize("at_once", [False, True])
def test_what_does_not(
    *,
    state: StateStore,
    runner: Runner,
    source: Source,
    records: list[dict[str, Any]],
    verdict: str,
    at_once: bool,
) -> None:
    for batch in [records] if at_once else [[record] for record in records]:
        source.store(*batch)
        runner.step()
    (alert,) = list_alerts(state)
    assert (alert["level"], alert["count"]) == ("critical", 1)
    assert verdict in {ALTERED, REPLACED}


def test_an_agent_cannot_give_the_verdict(
    state: StateStore, runner: Runner, source: Source
) -> None:
    source.store({**told("changed", "a"), "ronda.baseline.verdict": "altered"})
    runner.step()
    assert list_alerts(state) == []


def test_what_was_told_before_what_we_know_changes_nothing() -> None:
    known, _ = judge(None, 1, 9, told("changed", "a"))
    assert judge(known, 1, 8, told("opened", "b", "b")) == (known, None)
    assert judge(known, 2, 1, told("opened", "b", "b"))[1] is None  # another spool
    assert judge(known, 1, 10, {"event.action": "opened"}) == (known, None)
