"""A detection rule, ready to run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from signatures.sigma_compile import Matcher, Needed
from signatures.sigma_logsource import Kinds
from signatures.sigma_yaml import Problem

LEVELS = ("informational", "low", "medium", "high", "critical")
"""Sigma's levels, in order."""

STAGES = ("experimental", "test", "stable")
"""``experimental`` is counted only, ``test`` is shown, ``stable`` is shown and notified."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")


class InvalidRule(ValueError):  # noqa: N818 - named for what it is, not for what it does
    """Our part of a rule is wrong: its author's fault."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What the engine, the alerts and ``ronda rules list`` know about a rule."""

    id: str
    title: str
    """Also its message id."""
    description: str
    level: str
    stage: str
    version: int
    entity: str
    """Field that tells what the alert is about; with rule and agent it makes the alert one."""
    quiet: int | None
    """Nanoseconds without a second notification; None for the collector's setting."""
    summary: str
    """Message id of the sentence that says what happened; ``{name}`` stands for a fact."""
    explanation: str
    """Message id: why it matters."""
    next_steps: tuple[str, ...]
    """Message ids: what to do now."""
    tags: tuple[str, ...]
    falsepositives: tuple[str, ...]
    kinds: Kinds
    match: Matcher = field(repr=False)
    needed: tuple[Needed, ...] = ()
    fields: frozenset[str] = frozenset()
    file: str
    line: int

    @property
    def source(self) -> str:
        """Where it is written, ``file:line``."""
        return f"{self.file}:{self.line}"

    @property
    def messages(self) -> tuple[str, ...]:
        """All its message ids."""
        return (self.title, self.summary, self.explanation, *self.next_steps)


@dataclass(frozen=True)
class RuleSet:
    """What could be loaded, and what could not and why."""

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OurBlock:
    """The ``ronda:`` block of a rule, checked."""

    version: int = 1
    stage: str | None = None
    entity: str = "host.name"
    quiet: int | None = None
    summary: str = ""
    explanation: str = ""
    next_steps: tuple[str, ...] = ()


def duration(text: str) -> int:
    """Return *text* (``30s``, ``5m``, ``1h``, ``2d``) in nanoseconds.

    Raises:
        InvalidRule: *text* has another form.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise InvalidRule(f"{text!r} is not a duration such as 30s, 5m, 1h or 2d")
    return int(match[1]) * _UNITS[match[2]] * 10**9


def read_block(block: Any) -> OurBlock:
    """Check the ``ronda:`` block of a rule; None gives the defaults.

    Raises:
        InvalidRule: it has an unknown key or a value of the wrong form.
    """
    if block is None:
        return OurBlock()
    if not isinstance(block, Mapping):
        raise InvalidRule("ronda: must be a mapping")
    known = OurBlock.__dataclass_fields__
    unknown = sorted(str(key) for key in block if key not in known)
    if unknown:
        raise InvalidRule(f"ronda: has no key {unknown[0]!r}; there are: {', '.join(known)}")
    version = block.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InvalidRule("ronda.version must be a whole number from 1")
    stage = block.get("stage")
    if stage is not None and stage not in STAGES:
        raise InvalidRule(f"ronda.stage must be one of {', '.join(STAGES)}")
    steps = block.get("next_steps", [])
    if not isinstance(steps, list):
        raise InvalidRule("ronda.next_steps must be a list of sentences")
    quiet = block.get("quiet")
    return OurBlock(
        version=version,
        stage=stage,
        entity=_sentence(block.get("entity", "host.name"), "entity"),
        quiet=None if quiet is None else duration(str(quiet)),
        summary=_sentence(block.get("summary", ""), "summary"),
        explanation=_sentence(block.get("explanation", ""), "explanation"),
        next_steps=tuple(_sentence(step, "next_steps") for step in steps),
    )


def _sentence(value: Any, name: str) -> str:
    """YAML folds lines as it likes; a message id has single spaces only."""
    if not isinstance(value, str):
        raise InvalidRule(f"ronda.{name} must be text (put it in quotes)")
    return " ".join(value.split())
