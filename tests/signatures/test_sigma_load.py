from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from signatures.sigma_load import load_files, load_texts, rule_files
from tests.signatures.sigma_samples import ID, rule_text

GOOD = "selection:\n  file.path: /a\ncondition: selection"


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("title: x\n", 1, ""),
        (rule_text(GOOD).replace(ID, "abc"), 2, "UUID"),
        (rule_text(GOOD).replace(ID, "7"), 2, "UUID"),
        (rule_text(GOOD).replace("level: high\n", ""), 1, "no level"),
        (rule_text(GOOD).replace("high", "huge"), 4, "level"),
        (rule_text(GOOD, logsource="category: process_creation"), 5, "no kind of event"),
        (
            rule_text(GOOD, logsource="product: ronda\ncategory: file_event\nservice: x"),
            5,
            "service",
        ),
        (rule_text(GOOD, head="ronda: {stage: proven}\n"), 5, "stage must be"),
        (rule_text(GOOD, head="ronda: {colour: red}\n"), 5, "'colour'"),
        (rule_text(GOOD, head="ronda: {quiet: soon}\n"), 5, "not a duration"),
        (rule_text(GOOD, head="ronda: {version: 0}\n"), 5, "whole number"),
        (rule_text(GOOD, head="correlation: {type: event_count}\n"), 5, "correlation"),
        (rule_text("selection:\n  a: 1\ncondition: nothing"), 8, "nothing"),
        (rule_text(GOOD, head="tags: 5\n"), 5, "tags"),
        ("title: x\nid: " + ID + "\nlogsource: [1]\ndetection: 5\nlevel: low\n", 3, ""),
    ],
)
def test_every_mistake_has_file_and_line(text: str, line: int, part: str) -> None:
    loaded = load_texts({"r.yml": text})
    assert loaded.rules == ()
    assert len(loaded.problems) == 1
    problem = loaded.problems[0]
    assert part in problem.text
    assert (problem.file, problem.line) == ("r.yml", line)


def test_a_bad_rule_does_not_hide_a_good_one() -> None:
    loaded = load_texts({"a.yml": "title: [", "b.yml": rule_text(GOOD)})
    assert [rule.id for rule in loaded.rules] == [ID]
    assert [problem.file for problem in loaded.problems] == ["a.yml"]


def test_an_id_is_used_once() -> None:
    loaded = load_texts({"a.yml": rule_text(GOOD), "b.yml": rule_text(GOOD)})
    assert [rule.file for rule in loaded.rules] == ["a.yml"]
    assert "already used in a.yml:1" in loaded.problems[0].text
    assert loaded.problems[0].rule == ID


def test_files_of_cases_are_no_rules(tmp_path: Path) -> None:
    for name in ("a.yml", "a.cases.yml", "sub/b.yml", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(rule_text(GOOD))
    assert [file.name for file in rule_files([tmp_path])] == ["a.yml", "b.yml"]


def test_what_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"\xff\xfe")
    loaded = load_files([tmp_path, tmp_path / "missing"])
    assert loaded.rules == ()
    assert sorted(problem.text[:14] for problem in loaded.problems) == [
        "cannot be read",
        "no such file o",
    ]


def test_a_rule_of_others_gets_sensible_defaults() -> None:
    text = rule_text("selection:\n  TargetFilename: /A\ncondition: selection", "description: D\n",
                     "product: linux\ncategory: file_event")  # fmt: skip
    (rule,) = load_texts({"r.yml": text}).rules
    assert (rule.stage, rule.version, rule.entity, rule.quiet) == ("test", 1, "host.name", None)
    assert rule.summary == "D"
    assert rule.fields == {"file.path"}


def test_pysigma_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys; import signatures.sigma_load, signatures.sigma_lint, signatures.sigma_index;"
        "sys.exit('sigma' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
