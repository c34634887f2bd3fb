"""What every rule of ours must have, beyond being valid Sigma. ``ronda rules test`` runs it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from signatures.sigma_cases import cases_file, read_cases, run_cases
from signatures.sigma_facts import known_facts, placeholders
from signatures.sigma_load import load_files
from signatures.sigma_rule import Rule
from signatures.sigma_yaml import Problem

_TECHNIQUE = re.compile(r"attack\.t[0-9]{4}(\.[0-9]{3})?")
_TITLE_MAX = 80


def lint_folder(paths: Iterable[Path], fields: Collection[str] = ()) -> list[Problem]:
    """Load, lint and run the cases of all rules below *paths*; return every problem.

    *fields* are the ECS names that events have; without them field names are not checked.
    """
    loaded = load_files(paths)
    problems = list(loaded.problems)
    for rule in loaded.rules:
        problems += lint(rule, fields)
        problems += check_cases(rule)
    return sorted(problems)


def lint(rule: Rule, fields: Collection[str] = ()) -> list[Problem]:
    """Return what *rule* lacks. Pure."""
    texts = [text for missing, text in _missing(rule) if missing]
    texts += [
        f"{{{name}}} is not a fact; see signatures/sigma_facts.py"
        for message in rule.messages
        for name in sorted(placeholders(message) - known_facts())
    ]
    if fields:
        texts += [
            f"no event has a field {name!r}"
            for name in sorted({*rule.fields, rule.entity} - set(fields))
        ]
    return [Problem(rule.file, rule.line, text, rule.id) for text in texts]


def _missing(rule: Rule) -> list[tuple[bool, str]]:
    return [
        (not rule.description, "description is missing"),
        (len(rule.title) > _TITLE_MAX, f"title is longer than {_TITLE_MAX} characters"),
        (not rule.falsepositives, "falsepositives is missing: say what harmless thing looks alike"),
        (not any(_TECHNIQUE.fullmatch(tag) for tag in rule.tags), "no attack.tNNNN tag"),
        (not rule.explanation, "ronda.explanation is missing: say why it matters"),
        (not rule.next_steps, "ronda.next_steps is missing: say what to do"),
        (not rule.fields, "the detection names no field"),
    ]


def check_cases(rule: Rule) -> list[Problem]:
    """Run the cases beside *rule*; missing cases are a problem."""
    path = cases_file(rule.file)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return [Problem(rule.file, rule.line, f"no cases: write {path.name}", rule.id)]
    except (OSError, UnicodeDecodeError) as error:
        return [Problem(str(path), 1, f"cannot be read: {error}", rule.id)]
    cases, problems = read_cases(text, str(path))
    return problems + run_cases(rule, cases)
