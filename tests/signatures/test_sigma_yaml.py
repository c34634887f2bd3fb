from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures.sigma_yaml import MAX_BYTES, Problem, read_documents


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("title: a\ndetection:\n  x: 1\n  x: 2\n", 4, "first on line 3"),
        ("title: a\ntitle: b\n", 2, "first on line 1"),
        ("a: &x [1]\nb: *x\n", 1, "aliases are not accepted"),
        ("- a\n- b\n", 1, "must be a mapping"),
        ("a: [1\n", 2, "expected"),
        ("? [a, b]\n: c\n", 1, "a key must be plain text"),
        ("when: 2026-13-45\n", 1, "cannot be read"),
        ("a: " + "[" * 20000, 1, ""),
        ("x" * (MAX_BYTES + 1), 1, "larger than"),
        ("a: !!python/object/apply:os.system [id]\n", 1, "could not determine a constructor"),
    ],
)
def test_bad_text_gives_a_problem_with_its_line_and_no_document(
    text: str, line: int, part: str
) -> None:
    documents, problems = read_documents(text, "r.yml")
    assert documents == []
    assert part in problems[0].text
    assert problems[0].line == line or part in {"", "could not determine a constructor"}


def test_a_bad_document_does_not_hide_a_good_one() -> None:
    documents, problems = read_documents("a: 1\na: 2\n---\nb: 1\n", "r.yml")
    assert [document.data for document in documents] == [{"b": 1}]
    assert str(problems[0]) == "r.yml:2: key 'a' stands here again; first on line 1"


def test_lines_of_keys_are_known_over_several_documents() -> None:
    text = "title: a\ndetection:\n  selection:\n    x: 1\n  condition: selection\n---\n---\nb: 2\n"
    documents, problems = read_documents(text, "r.yml")
    assert problems == []
    assert documents[0].at("detection.condition") == 5
    assert documents[0].at("missing", "detection") == 2
    assert documents[0].at("missing") == 1
    assert documents[1].line == 8


@given(st.text(max_size=200))
def test_any_text_gives_documents_or_problems(text: str) -> None:
    documents, problems = read_documents(text, "r.yml")
    assert all(isinstance(problem, Problem) for problem in problems)
    assert all(hasattr(document.data, "items") for document in documents)
