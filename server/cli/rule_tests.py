"""Runs the cases of rules for `ronda rules test`; loads the rule engine, hence a module apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from collectors.event import Envelope
from collectors.kinds import KINDS
from signatures.sigma_cases import cases_file, read_cases
from signatures.sigma_lint import check_cases, lint
from signatures.sigma_load import EVENT_RULES, load_files
from signatures.sigma_rule import Rule
from signatures.sigma_yaml import Problem

COLLECTOR_FIELDS = ("agent.id", "host.name", "organization.name", "event.id", "event.ingested")
"""Fields that the collector adds to every event."""


class Result(NamedTuple):
    """What came out: one row for each problem, and one for each rule without."""

    rules: int
    cases: int
    rows: list[dict[str, Any]]


def known_fields() -> set[str]:
    """Return the ECS names that events of this version have."""
    import msgspec

    structs: list[type[msgspec.Struct]] = [Envelope, *KINDS.values()]
    names = {field.encode_name for struct in structs for field in msgspec.structs.fields(struct)}
    return {*names, *COLLECTOR_FIELDS}


def examine(paths: Sequence[str]) -> Result:
    """Load, check and try the rules below *paths*, or our own."""
    loaded = load_files([Path(path) for path in paths] or [EVENT_RULES])
    fields = known_fields()
    rows = [_problem(problem, 0) for problem in loaded.problems]
    total = 0
    for rule in loaded.rules:
        cases = _count(rule)
        total += cases
        problems = [*lint(rule, fields), *check_cases(rule)]
        rows += [_problem(problem, cases) for problem in problems]
        if not problems:
            rows.append({"ok": True, "cases": cases, "rule": rule.title, "problem": ""})
    return Result(len(loaded.rules), total, rows)


def _count(rule: Rule) -> int:
    path = cases_file(rule.file)
    try:
        return len(read_cases(path.read_text(encoding="utf-8"), str(path))[0])
    except (OSError, UnicodeDecodeError):
        return 0  # check_cases says so.


def _problem(problem: Problem, cases: int) -> dict[str, Any]:
    return {"ok": False, "cases": cases, "rule": problem.rule, "problem": str(problem)}
