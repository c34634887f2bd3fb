"""The query language: what it refuses, and that SQL and Python agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.store.events import EventStore, EventWriter, NewBatch, NewEvent
from server.store.query import EventQuery, QueryError, Term, parse_query


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * 5000, "at most 4096"),
        ("a " * 40, "at most 32"),
        ("file.path=" + "*a" * 9, "wildcards"),
        ("severity>=loud", "expected a number"),
        ("file.size>=", "needs a value"),
        ("file.path=", "needs a value"),
        ('file.path="a', "not closed"),
        ('"a', "not closed"),
        ('file.path="a"b', "expected a blank"),
        ("a\x00b", "no event can hold"),
        ("a\udc80b", "no event can hold"),
    ],
)
def test_refuses(text: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        parse_query(text)


def test_reads() -> None:
    query = parse_query('file.path="*two words*" kind=file.change severity>=HIGH host!=web1 dump')
    assert query.terms == (
        Term("file.path", "=", "*two words*"),
        Term("ronda.kind", "=", "file.change"),
        Term("event.severity", ">=", "3"),
        Term("host.name", "!=", "web1"),
        Term("", "=", "dump"),
    )


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        query = parse_query(text)
    except QueryError:
        return
    assert query.sql().where.count("?") == len(query.sql().params)


def test_opds_only_narrow() -> None:
    query = parse_query("", ["dinkes", "dukcapil"])
    assert query.restrict(None).opds == frozenset({"dinkes", "dukcapil"})
    assert query.restrict(["dinkes", "bkd"]).opds == frozenset({"dinkes"})
    assert query.restrict([]).opds == frozenset()
    assert not query.restrict([]).matches({"organization.name": "dinkes"})
    assert not query.matches({})


TEXTS = st.text(st.sampled_from('ab%_\\*"é ZB.1'), max_size=5)
SCALARS = st.one_of(
    TEXTS, st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.0]), st.none()
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.sampled_from("pq"), SCALARS, max_size=2),
    st.lists(st.dictionaries(st.sampled_from("pq"), SCALARS, max_size=2), max_size=2),
)
FIELDS = st.dictionaries(st.sampled_from(["a.b", "c", "file.path"]), VALUES, max_size=3)
WANTED = st.one_of(
    st.text(st.sampled_from("ab%_\\*é ZB.1"), max_size=4),
    st.sampled_from(["1", "-1", "0.5", "1.0", "true", "FALSE", "*"]),
)
TERMS = st.one_of(
    st.builds(
        Term,
        st.sampled_from(["a.b", "c", "file.path", "host.name", "ronda.kind", "organization.name"]),
        st.sampled_from(["=", "!="]),
        WANTED,
    ),
    st.builds(Term, st.sampled_from(["a.b", "c", "event.severity"]), st.sampled_from([">=", "<="]),
              st.sampled_from(["0", "1", "-1", "0.5"])),
    st.builds(Term, st.just(""), st.just("="), TEXTS.filter(bool)),
    st.builds(Term, st.sampled_from(["event.severity", "@timestamp", "event.sequence"]),
              st.sampled_from(["=", "!=", ">=", "<="]), st.sampled_from(["0", "1", "2", "2.5"])),
    st.builds(Term, st.just("event.id"), st.sampled_from(["=", "!="]),
              st.sampled_from(["agent-1.1.1", "agent-1.1.2", "x", ""])),
)  # fmt: skip


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    events=st.lists(FIELDS, min_size=1, max_size=5),
    terms=st.lists(TERMS, max_size=3),
    opds=st.sampled_from([None, frozenset({"dinkes"}), frozenset()]),
)
def test_sql_and_python_agree(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[dict[str, Any]],
    terms: list[Term],
    opds: frozenset[str] | None,
) -> None:
    directory: Path = tmp_path_factory.mktemp("events")
    writer, store = EventWriter(directory), EventStore(directory)
    new = [
        NewEvent(number, number, "a.kind", number % 5, encode(fields, number))
        for number, fields in enumerate(events, 1)
    ]
    writer.write([NewBatch("agent-1", 1, "dinkes", "WEB1", 5, new)], 5)
    query = EventQuery(tuple(terms), opds)
    everything = store.read(None, 100)
    assert len(everything) == len(events)
    expected = [event.sequence for event in everything if query.matches(event.fields)]
    found = [event.sequence for event in store.search(query, newest_first=False)]
    writer.close()
    store.close()
    assert found == expected


def encode(fields: dict[str, Any], number: int) -> str:
    sealed = {"ronda.kind": "a.kind", "event.severity": number % 5, "@timestamp": number}
    return msgspec.json.encode({**fields, **sealed, "event.sequence": number}).decode()
