from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from signatures.sigma_cases import matches
from signatures.sigma_index import MAX_KINDS, RuleIndex
from signatures.sigma_load import EVENT_RULES, load_files, load_texts
from tests.signatures.sigma_samples import ID, rule_text

OWN = load_files([EVENT_RULES]).rules


def _two() -> RuleIndex:
    first = rule_text("s:\n  x: [1, 2]\ncondition: s")
    second = rule_text("s:\n  y|contains: q\ncondition: s").replace(ID, ID.replace("1", "2"))
    return RuleIndex(load_texts({"a.yml": first, "b.yml": second}).rules)


def test_other_kinds_and_other_values_find_nothing() -> None:
    index = _two()
    assert index.match({"ronda.kind": "exposure.finding", "x": "1"}) == []
    assert index.match({"ronda.kind": "file.change", "x": "3"}) == []
    assert index.match({}) == []
    assert index.match({"ronda.kind": 7, "x": "1"}) == []


def test_a_list_with_several_values_of_a_rule_finds_it_once() -> None:
    found = _two().match({"ronda.kind": "file.change", "x": ["1", "2"], "y": "q"})
    assert sorted(rule.file for rule in found) == ["a.yml", "b.yml"]


def test_kinds_from_agents_do_not_fill_the_memory() -> None:
    index = _two()
    for number in range(3 * MAX_KINDS):
        index.match({"ronda.kind": f"k{number}"})
    assert len(index._buckets) <= MAX_KINDS


_paths = st.sampled_from(
    [
        "/etc/passwd",
        "/etc/sudoers.d/x",
        "/var/www/html/uploads/a.php",
        "/etc/ronda/agent.toml",
        "/x",
    ]
)
_events = st.fixed_dictionaries(
    {"ronda.kind": st.sampled_from(["file.change", "exposure.finding", "agent.silent", "nosuch"])},
    optional={
        "event.action": st.sampled_from(["created", "modified", "deleted", "returned", "CREATED"]),
        "file.path": _paths,
        "file.type": st.sampled_from(["file", "dir"]),
        "file.mode": st.sampled_from(["4755", "0644"]),
        "ronda.data.types": st.lists(st.sampled_from(["nik", "kk", "card", "dsn"]), max_size=3),
        "ronda.data.reachable": st.sampled_from(["web_root", "world_readable"]),
        "ronda.data.count": st.integers(0, 200),
    },
)


@given(_events)
def test_the_index_finds_what_trying_every_rule_finds(event: dict[str, Any]) -> None:
    expected = {rule.id for rule in OWN if matches(rule, event)}
    assert {rule.id for rule in RuleIndex(OWN).match(event)} == expected
