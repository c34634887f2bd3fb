"""What must not happen: an alert where hosts cannot be compared, or about the wrong one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.alerts.queries import list_alerts
from server.detect import consensus
from server.detect.consensus import QUORUM, claims, majority
from server.detect.engine import Engine
from server.detect.rulebook import write_down
from server.detect.runner import COLLECTOR, Runner
from server.store.events import EventStore
from server.store.state import StateStore
from signatures.sigma_load import load_texts
from tests.server.detect.detect_samples import Source

_RULE = Path(__file__).parents[3] / "signatures/sigma/event/package_differs.yml"

Tell = Callable[..., list[dict[str, Any]]]


def had(digest: str, version: str = "1.0", listed: str = "1") -> dict[str, Any]:
    change = {
        "name": "nginx:amd64",
        "action": "upgrade",
        "new": version,
        "digest": digest,
        "listed": listed,
        "files": 7,
    }
    return {"ronda.kind": "package.transaction", "ronda.package.changes": [change]}


@pytest.fixture
def runner(state: StateStore, tmp_path: Path) -> Iterator[Runner]:
    rules = load_texts({_RULE.name: _RULE.read_text()})
    assert rules.problems == ()
    write_down(state, rules)
    with closing(EventStore(tmp_path / "events")) as events:
        yield Runner(state, events, Engine(rules))


@pytest.fixture
def tell(state: StateStore, runner: Runner, tmp_path: Path) -> Iterator[Tell]:
    """Let agents tell records, one after the other; return the notes so far."""
    with ExitStack() as stack:
        sources: dict[str, Source] = {}

        def told(*records: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
            for agent, record in records:
                if agent not in sources:
                    made = Source(tmp_path / "events", agent)
                    sources[agent] = stack.enter_context(closing(made))
                sources[agent].store(record)
                runner.step()
            return [json.loads(row["record"]) for row in state.query("SELECT record FROM note")]

        yield told


A, B = had("a"), had("b")
SILENT = [
    [("1", A), ("2", A), ("3", A), ("4", A)],
    [("1", A), ("2", A), ("3", B)],  # too few agree
    [("1", A), ("1", A), ("1", A), ("2", B)],  # one host is one voice
    [("1", A), ("2", A), ("3", A), ("4", had("b", version="1.1"))],
    [("1", A), ("2", A), ("3", A), ("4", had("b", listed="2"))],  # another list of files
    [("1", A), ("2", A), ("3", A), ("4", had("<b>"))],  # no digest
    [("1", A), ("2", B), ("3", B), ("4", A)],  # as many against
    [("1", A), ("2", A), ("1", B), ("2", B), ("3", B), ("4", B)],  # all went over
]


@pytest.mark.parametrize("records", SILENT)
def test_no_verdict(tell: Tell, records: list[tuple[str, dict[str, Any]]]) -> None:
    assert tell(*records) == []


@pytest.mark.parametrize("place", range(4))
def test_the_one_that_differs_is_told_once(tell: Tell, place: int) -> None:
    """Whoever comes last: the note is about the host that differs."""
    order = [("1", A), ("2", A), ("3", A)]
    order.insert(place, ("odd", B))
    (note,) = tell(*order, ("odd", B), ("1", A))
    assert (note["ronda.kind"], note["ronda.subject.agent"]) == ("package.differs", "odd")
    assert (note["package.name"], note["package.version"]) == ("nginx:amd64", "1.0")
    assert (note["ronda.package.agree"], note["ronda.package.others"]) == (3, 1)
    assert (note["ronda.package.digest"], note["ronda.package.expected"]) == ("b", "a")
    assert len(tell(("odd", had("c")))) == 2  # altered again


def test_the_note_becomes_an_alert(state: StateStore, runner: Runner, tell: Tell) -> None:
    (note,) = tell(("1", A), ("2", A), ("3", A), ("odd", B))
    tell((COLLECTOR, note))
    (alert,) = list_alerts(state)
    assert (alert["level"], alert["entity"]) == ("high", "nginx:amd64")


def test_an_agent_keeps_few_rows(
    state: StateStore, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consensus, "MAX_ROWS", 3)
    tell(("2", A), *(("1", had("a", version=str(n))) for n in range(9)))
    rows = state.query("SELECT agent, version FROM package_digest ORDER BY id")
    assert [(r["agent"], r["version"]) for r in rows] == [
        ("2", "1.0"),
        ("1", "6"),
        ("1", "7"),
        ("1", "8"),
    ]


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 20), max_size=5))
def test_a_majority_is_one(counts: dict[str, int]) -> None:
    found = majority(counts)
    fit = [d for d, n in counts.items() if n >= QUORUM and n > sum(counts.values()) - n]
    assert [found] == [(d, counts[d]) for d in fit] if fit else found is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda each: (
        st.lists(each, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "new", "listed", "digest", "files"]), each)
    ),
    max_leaves=20,
)


@given(_JSON)
def test_any_event_can_be_read(changes: object) -> None:
    for claim in claims("package.transaction", {"ronda.package.changes": changes}):
        assert all(claim[:4])
        assert isinstance(claim.files, int)
