from __future__ import annotations

from pathlib import Path

from signatures.sigma_lint import lint, lint_folder
from signatures.sigma_load import load_texts
from tests.signatures.sigma_samples import rule_text

CASES = """
must_not_match:
  - name: other
    event: {ronda.kind: file.change, x: 2}
must_match:
  - name: one
    event: {ronda.kind: file.change, x: 1}
"""


def test_a_bare_rule_lacks_much() -> None:
    (rule,) = load_texts({"r.yml": rule_text("s:\n  x: 1\ncondition: s")}).rules
    texts = " ".join(problem.text for problem in lint(rule, {"x"}))
    for word in ("description", "falsepositives", "attack.", "explanation", "next_steps"):
        assert word in texts
    assert "no event has a field 'host.name'" in texts


def test_a_sentence_may_name_only_facts_that_exist() -> None:
    head = "ronda: {summary: 'On {host}: {secret}', explanation: e, next_steps: [s]}\n"
    (rule,) = load_texts({"r.yml": rule_text("s:\n  x: 1\ncondition: s", head)}).rules
    assert [p.text for p in lint(rule) if "fact" in p.text] == [
        "{secret} is not a fact; see signatures/sigma_facts.py"
    ]


def test_cases_are_required_and_run(tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_text(rule_text("s:\n  x: 1\ncondition: s"))
    assert any("write r.cases.yml" in problem.text for problem in lint_folder([tmp_path]))
    (tmp_path / "r.cases.yml").write_text(CASES)
    assert not any("cases" in Path(problem.file).name for problem in lint_folder([tmp_path]))
    (tmp_path / "r.cases.yml").write_text(CASES.replace("x: 2", "x: 1"))
    assert any("matches: other" in problem.text for problem in lint_folder([tmp_path]))
