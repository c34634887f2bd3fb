"""Our own rules: linted, their cases run, and run again on events as agents really send them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collectors.event import open_record
from collectors.kinds import KINDS
from signatures.sigma_cases import Case, cases_file, matches, read_cases
from signatures.sigma_lint import lint_folder
from signatures.sigma_load import EVENT_RULES, load_files
from signatures.sigma_rule import Rule

RULES = load_files([EVENT_RULES]).rules
ALWAYS = ("ronda.kind", "event.severity", "host.name", "agent.id", "organization.name")
NAMES = {
    *ALWAYS,
    *(field.encode_name for kind in KINDS.values() for field in msgspec.structs.fields(kind)),
}


def cases() -> list[tuple[Rule, Case]]:
    return [
        (rule, case)
        for rule in RULES
        for case in read_cases(cases_file(rule.file).read_text(), rule.file)[0]
    ]


def test_no_rule_has_a_problem() -> None:
    assert [str(problem) for problem in lint_folder([EVENT_RULES], NAMES)] == []
    assert len(RULES) >= 12


def _as_sent(event: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what a kind requires, then leave out its defaults, as the agent's encoder does."""
    kind = KINDS[event["ronda.kind"]]
    filled = dict(event)
    samples = {"int": 1, "str": "x", "Scrubbed": "x", "float": 1.0}
    for field in msgspec.structs.fields(kind):
        if field.required and field.encode_name not in filled:
            name = getattr(field.type, "__name__", "")
            filled[field.encode_name] = samples.get(name, [] if "tuple" in str(field.type) else {})
    record = open_record(filled)
    sent: dict[str, Any] = msgspec.to_builtins(record)
    # Sealing adds it.
    return sent | {key: event[key] for key in ("event.severity",) if key in event}


def _named() -> list[Any]:
    return [
        pytest.param(rule, case, id=f"{Path(rule.file).stem}: {case.name}")
        for rule, case in cases()
    ]


@pytest.mark.parametrize(("rule", "case"), _named())
def test_cases_hold_for_events_as_sent(rule: Rule, case: Case) -> None:
    assert matches(rule, _as_sent(case.event)) is case.expected


def test_one_event_raises_one_alert() -> None:
    """Of our own rules no two report the same case: people would get two messages for one thing."""
    for rule, case in cases():
        if case.expected:
            found = {other.title for other in RULES if matches(other, case.event)}
            assert found == {rule.title}, case.name
