"""The cases beside a rule: events that it must not match, and events that it must.

``name.cases.yml`` beside ``name.yml``; both lists are required, for a rule without a known
false alarm has not been thought through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signatures.sigma_load import CASES_SUFFIX
from signatures.sigma_rule import Rule
from signatures.sigma_text import view_of
from signatures.sigma_yaml import Problem, read_documents

_LISTS = {"must_not_match": False, "must_match": True}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One event and whether the rule must match it."""

    name: str
    event: Mapping[str, Any]
    expected: bool
    file: str
    line: int


def cases_file(rule_file: str) -> Path:
    """Return where the cases of the rules in *rule_file* stand."""
    path = Path(rule_file)
    return path.with_name(path.name.removesuffix(".yml") + CASES_SUFFIX)


def read_cases(text: str, file: str) -> tuple[list[Case], list[Problem]]:
    """Return the cases in *text*, those that must not match first. Pure."""
    documents, problems = read_documents(text, file)
    if problems:
        return [], problems
    if len(documents) != 1:
        return [], [Problem(file, 1, "expected one document")]
    data, lines = documents[0].data, documents[0].lines
    unknown = [key for key in data if key not in _LISTS]
    if unknown:
        text = f"unknown key {unknown[0]!r}; there are: {', '.join(_LISTS)}"
        return [], [Problem(file, lines[unknown[0]], text)]
    cases: list[Case] = []
    for key, expected in _LISTS.items():
        entries = data.get(key)
        line = lines.get(key, 1)
        if not isinstance(entries, list) or not entries:
            problems.append(Problem(file, line, f"{key} must be a list with at least one case"))
            continue
        for number, entry in enumerate(entries, 1):
            case = _case(entry, expected, file, line)
            if case is None:
                text = f"{key}: case {number} must have a name and an event with a ronda.kind"
                problems.append(Problem(file, line, text))
            else:
                cases.append(case)
    return cases, problems


def _case(entry: Any, expected: bool, file: str, line: int) -> Case | None:
    if not isinstance(entry, Mapping) or set(entry) != {"name", "event"}:
        return None
    event = entry["event"]
    if not isinstance(event, Mapping) or "ronda.kind" not in event:
        return None
    return Case(name=str(entry["name"]), event=event, expected=expected, file=file, line=line)


def matches(rule: Rule, event: Mapping[str, Any]) -> bool:
    """Tell whether *rule* matches *event*, its log source included."""
    return event.get("ronda.kind") in rule.kinds and rule.match(view_of(event))


def run_cases(rule: Rule, cases: list[Case]) -> list[Problem]:
    """Return one problem for each case that comes out wrong."""
    return [
        Problem(
            case.file,
            case.line,
            f"{rule.title!r} {'does not match' if case.expected else 'matches'}: {case.name}",
            rule.id,
        )
        for case in cases
        if matches(rule, case.event) is not case.expected
    ]
