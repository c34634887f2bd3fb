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
from server.detect.consensus import QUORUM, RATIO, claims, verdict
from server.detect.engine import Engine
from server.detect.rulebook import write_down
from server.detect.runner import COLLECTOR, Runner
from server.store.events import EventStore
from server.store.state import StateStore
from signatures.sigma_load import load_texts
from tests.server.detect.detect_samples import Source

_RULES = Path(__file__).parents[3] / "signatures/sigma/event"
_NAMES = ("package_differs.yml", "package_differs_few.yml")

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
    rules = load_texts({name: (_RULES / name).read_text() for name in _NAMES})
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
MORE = [(name, had("x", version="0.9")) for name in "45"]
"""Two more hosts that tell of packages."""
SILENT = [
    [("1", A), ("2", A), ("3", A), ("4", A)],
    [("1", A), ("2", B)],  # one against one
    [*MORE, ("1", A), ("2", A), ("3", B), ("4", B), ("5", A)],  # 3 against 2 is a split
    [*MORE, ("1", A), ("2", A), ("3", B)],  # others may still be asked
    [*MORE, ("1", A), ("2", A), ("3", B), ("4", had("c"))],  # two, and two others
    [("1", A), ("1", A), ("1", A), ("2", B)],  # one host is one voice
    [("1", A), ("2", A), ("3", A), ("4", had("b", version="1.1"))],
    [("1", A), ("2", A), ("3", A), ("4", had("b", listed="2"))],  # another list of files
    [("1", A), ("2", A), ("3", A), ("4", had("<b>"))],  # no digest
    [*MORE, ("1", A), ("2", B), ("3", B), ("4", A)],  # as many against
    [*MORE, ("1", A), ("2", A), ("1", B), ("2", B), ("3", B), ("4", B)],  # all went over
]


@pytest.mark.parametrize("records", SILENT)
def test_no_verdict(tell: Tell, records: list[tuple[str, dict[str, Any]]]) -> None:
    assert tell(*records) == []


@pytest.mark.parametrize("place", range(4))
def test_the_one_that_differs_is_told_once(tell: Tell, place: int) -> None:
    """Whoever comes last: the note is about the host that differs."""
    order = [("1", A), ("2", A), ("3", A)]
    order.insert(place, ("odd", B))
    (note,) = tell(*MORE, *order, ("odd", B), ("1", A))
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
    rows = state.query(
        "SELECT a.agent, s.version FROM package_held h JOIN package_agent a ON a.id = h.agent"
        " JOIN package_set s ON s.id = h.package_set ORDER BY h.id"
    )
    assert state.query("SELECT count(*) AS n FROM package_set")[0]["n"] == 4
    assert [(r["agent"], r["version"]) for r in rows] == [
        ("2", "1.0"),
        ("1", "6"),
        ("1", "7"),
        ("1", "8"),
    ]


def stated(digest: str, version: str = "1.0", count: int = 1) -> dict[str, Any]:
    names = ["nginx:amd64", *(f"p{n}:all" for n in range(count - 1))]
    each = {"version": version, "digest": digest, "listed": "1", "files": 7}
    statements = [{"name": name, **each} for name in names]
    return {"ronda.kind": "package.inventory", "ronda.package.stated": statements}


def test_what_was_there_before_is_compared_from_the_first_day(tell: Tell) -> None:
    """A statement and a later run count alike."""
    (note,) = tell(*MORE, ("1", stated("a")), ("2", A), ("3", stated("a")), ("odd", stated("b")))
    assert note["ronda.subject.agent"] == "odd"
    assert note["ronda.package.agree"] == 3


def test_two_against_one_names_the_odd_one_as_a_guess(
    state: StateStore, runner: Runner, tell: Tell
) -> None:
    (note,) = tell(("1", A), ("odd", B), ("3", A))
    assert (note["ronda.subject.agent"], note["ronda.package.consensus"]) == ("odd", "few")
    tell((COLLECTOR, note))
    (alert,) = list_alerts(state)
    assert alert["level"] == "medium"
    # A third that agrees makes it sure.
    sure = tell(("4", A), ("4", A))[1:]
    assert [n["ronda.package.agree"] for n in sure] == [3]


def test_a_host_that_changes_its_mind_is_one_voice(state: StateStore, tell: Tell) -> None:
    tell(*(("1", had(digest)) for digest in "abcabc"), ("2", A))
    rows = state.query("SELECT digest, hosts FROM package_sum ORDER BY digest")
    assert [(r["digest"], r["hosts"]) for r in rows] == [("a", 1), ("c", 1)]


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 20), max_size=5), st.integers(2, 9))
def test_a_verdict_is_clear(counts: dict[str, int], fleet: int) -> None:
    found = verdict(counts, fleet)
    total = sum(counts.values())
    least = 2 if fleet <= QUORUM else QUORUM
    fit = [d for d, n in counts.items() if least <= n < total and n >= RATIO * (total - n)]
    assert (found is None) == (not fit)
    if found is not None:
        assert [found.digest] == fit
        assert found.agree + found.others == total
        assert (found.consensus == "clear") == (found.agree >= QUORUM)


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
