from __future__ import annotations

import pytest

from signatures.sigma_cases import cases_file, read_cases, run_cases
from signatures.sigma_load import load_texts
from tests.signatures.sigma_samples import rule_text

GOOD = """
must_not_match:
  - name: other
    event: {ronda.kind: file.change, x: 2}
must_match:
  - name: one
    event: {ronda.kind: file.change, x: 1}
"""


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "one document"),
        ("must_match: []\nmust_not_match: []\n", "at least one case"),
        (GOOD.replace("must_not_match", "must_not"), "unknown key 'must_not'"),
        (GOOD.replace("name: one", "title: one"), "case 1"),
        (GOOD.replace("ronda.kind: file.change, x: 1", "x: 1"), "case 1"),
        ("must_match: {", ""),
    ],
)
def test_bad_cases_are_problems(text: str, part: str) -> None:
    _, problems = read_cases(text, "r.cases.yml")
    assert any(part in problem.text for problem in problems)


def test_a_case_that_comes_out_wrong_is_named() -> None:
    (rule,) = load_texts({"r.yml": rule_text("s:\n  x: [1, 2]\ncondition: s")}).rules
    cases, problems = read_cases(GOOD, "r.cases.yml")
    assert problems == []
    assert [case.expected for case in cases] == [False, True]
    (wrong,) = run_cases(rule, cases)
    assert wrong.text == "'A rule' matches: other"
    (wrong,) = run_cases(rule, [case for case in cases if case.expected and case.name == "x"] or [
        type(cases[1])(name="no", event={"ronda.kind": "agent.silent"}, expected=True,
                       file="f", line=3)])  # fmt: skip
    assert wrong.text == "'A rule' does not match: no"


def test_cases_stand_beside_the_rule() -> None:
    assert cases_file("/a/b.yml").name == "b.cases.yml"
