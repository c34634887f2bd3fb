from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from signatures.sigma_facts import FIELDS, MAX_LIST, MAX_SAMPLES, MAX_TEXT, facts_of, placeholders


def test_absent_and_odd_fields_give_no_fact() -> None:
    assert facts_of({}) == {}
    odd = {"ronda.data.tallies": "x", "ronda.spool.dropped": [1], "file.path": {"a": 1}}
    assert facts_of(odd) == {}


def test_facts_are_bounded() -> None:
    long = "x" * 100_000
    tallies = [{"type": long, "count": 1, "samples": [long] * 9}] * 99
    event = {"file.path": long, "source.ip": [long] * 99, "ronda.data.tallies": tallies}
    assert len(str(facts_of(event))) < 30 * MAX_TEXT


def test_facts_of_a_finding() -> None:
    tallies = [
        {"type": "nik", "count": 1200, "samples": ["1571*********01", "a", "b"]},
        {"type": "kk", "count": 3, "exact": False, "samples": ["c"]},
    ]
    facts = facts_of({"ronda.data.tallies": tallies, "host.name": "web1"})
    assert facts["counts"] == [["nik", 1200, True], ["kk", 3, False]]
    assert facts["samples"] == ["1571*********01", "a", "b"]
    assert len(facts["samples"]) == MAX_SAMPLES
    assert facts["host"] == "web1"


def test_the_subject_counts_before_the_sender() -> None:
    event = {"host.name": "collector", "ronda.subject.host": "web1"}
    assert facts_of(event)["host"] == "web1"
    assert facts_of({"ronda.spool.dropped": {"LOW": 2, "HIGH": 1}})["dropped"] == 3


def test_placeholders() -> None:
    assert placeholders("{a} {b_1} { c } {} {D}") == {"a", "b_1"}


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)
_fields = st.sampled_from(sorted({name for names in FIELDS.values() for name in names}))


@given(st.dictionaries(_fields, _values))
def test_any_event_gives_bounded_facts(event: dict[str, Any]) -> None:
    for value in facts_of(event).values():
        assert not isinstance(value, dict)
        assert not isinstance(value, list) or len(value) <= MAX_LIST
