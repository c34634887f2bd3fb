"""The rules in force: loaded, compared with the set before, and written down for people.

A broken rule is left out and reported; an empty or half-vanished set is refused, because a
missing folder must not switch detection off.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from server.store.state import StateStore
from signatures.sigma_load import EVENT_RULES, load_files
from signatures.sigma_rule import Rule, RuleSet
from signatures.sigma_yaml import Problem

OWN_RULES = "rules"
"""Folder below the collector's state directory for the operator's own rules."""

_log = logging.getLogger(__name__)
_UPSERT = (
    "INSERT INTO rule (id, title, level, stage, version, source, error)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT(id) DO UPDATE SET title = excluded.title, level = excluded.level,"
    " stage = excluded.stage, version = excluded.version, source = excluded.source,"
    " error = excluded.error"
)
_BROKEN = (
    "INSERT INTO rule (id, title, level, stage, version, source, error)"
    " VALUES (?, ?, 'informational', 'experimental', 0, ?, ?)"
    " ON CONFLICT(id) DO UPDATE SET source = excluded.source, error = excluded.error"
)


class RulesRefused(ValueError):  # noqa: N818 - named for what happened
    """The set of rules would leave too little detection; ``str()`` says what to look at."""


def rule_paths(state_dir: Path) -> list[Path]:
    """Return where rules are: ours, and the operator's folder when there is one."""
    own = state_dir / OWN_RULES
    return [EVENT_RULES, own] if own.is_dir() else [EVENT_RULES]


def load_rules(paths: Sequence[Path], before: RuleSet | None = None) -> RuleSet:
    """Load the rules and log every problem with its file and line.

    Raises:
        RulesRefused: none is left, or less than half of *before*.
    """
    rules = load_files(paths)
    for problem in rules.problems:
        _log.error("%s (the rule is left out)", problem)
    where = ", ".join(str(path) for path in paths)
    if not rules.rules:
        raise RulesRefused(f"no valid rule in {where}; look at: ronda rules test")
    if before is not None and len(rules.rules) * 2 < len(before.rules):
        raise RulesRefused(
            f"only {len(rules.rules)} of {len(before.rules)} rules are left in {where};"
            " the set before stays in force (restart the collector if this is meant)"
        )
    _log.info("%d rules in force, %d problems", len(rules.rules), len(rules.problems))
    return rules


def write_down(state: StateStore, rules: RuleSet) -> None:
    """Bring table ``rule`` up to date; counters of rules that stay are kept."""
    with state.transaction():
        kept: list[str] = []
        for rule in rules.rules:
            state.execute(_UPSERT, _row(rule))
            kept.append(rule.id)
        for problem in rules.problems:
            key = _key(problem, kept)
            title = Path(problem.file).name
            source = f"{problem.file}:{problem.line}"
            state.execute(_BROKEN, (key, title, source, problem.text))
            kept.append(key)
        known = [str(row["id"]) for row in state.query("SELECT id FROM rule")]
        for gone in set(known) - set(kept):
            state.execute("DELETE FROM rule WHERE id = ?", (gone,))


def _row(rule: Rule) -> tuple[str | int, ...]:
    return (rule.id, rule.title, rule.level, rule.stage, rule.version, rule.source, "")


def _key(problem: Problem, taken: list[str]) -> str:
    """A second rule with the id of a good one must not mark the good one as broken."""
    if problem.rule and problem.rule not in taken:
        return problem.rule
    return f"{problem.file}:{problem.line}"
