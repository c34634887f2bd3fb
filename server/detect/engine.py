"""Events in, detections out. Pure: no file, clock of the world, socket or database."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from signatures.sigma_index import RuleIndex
from signatures.sigma_rule import Rule, RuleSet
from signatures.sigma_text import view_of

COST_SAMPLE = 64
"""The cost of rules is measured on one event in so many: reading the clock costs as much."""

MAX_TIME = 2**63 - 1
"""ns; a database holds no larger number."""

_log = logging.getLogger(__name__)


class Detection(NamedTuple):
    """A rule matched an event."""

    rule: Rule
    entity_field: str
    entity: str


@dataclass(slots=True)
class Counters:
    """What a rule did since the counters were last taken."""

    hits: int = 0
    last_hit: int = 0
    """Observation time of the event, ns."""
    events: int = 0
    """Evaluations whose cost was measured."""
    cost_ns: int = 0
    """Their cost."""


class Engine:
    """Runs one set of rules. Not for several threads at once."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self._index = RuleIndex(rules.rules)
        self._counters: dict[str, Counters] = {}
        self._seen = 0
        self._failed: set[str] = set()

    def detect(self, event: Mapping[str, Any]) -> list[Detection]:
        """Return what the rules say about *event* (flat, ECS names). No rule can stop another."""
        self._seen += 1
        measure = self._seen % COST_SAMPLE == 0
        view = view_of(event)
        found: list[Detection] = []
        for rule in self._index.candidates(event, view):
            begin = time.perf_counter_ns() if measure else 0
            try:
                matched = rule.match(view)
            except Exception:  # noqa: BLE001 - rules are plug-ins: one that fails is isolated
                self._report(rule)
                matched = False
            if measure:
                counters = self._counters_of(rule)
                counters.events += 1
                counters.cost_ns += time.perf_counter_ns() - begin
            if matched:
                found.append(self._detection(rule, event))
        return found

    def _detection(self, rule: Rule, event: Mapping[str, Any]) -> Detection:
        counters = self._counters_of(rule)
        counters.hits += 1
        observed = event.get("@timestamp")
        if isinstance(observed, int) and observed <= MAX_TIME:
            counters.last_hit = max(counters.last_hit, observed)
        value = event.get(rule.entity)
        if value is None or isinstance(value, (list, tuple, Mapping)):
            # The thing itself is not named: the alert is about the host.
            return Detection(rule, "host.name", str(event.get("host.name", "")))
        return Detection(rule, rule.entity, str(value))

    def _counters_of(self, rule: Rule) -> Counters:
        return self._counters.setdefault(rule.id, Counters())

    def _report(self, rule: Rule) -> None:
        if rule.id not in self._failed:
            self._failed.add(rule.id)
            _log.exception("%s: rule %r fails on an event", rule.source, rule.title)

    def counters(self) -> Mapping[str, Counters]:
        """Return what each rule did since `forget`, by rule id."""
        return self._counters

    def forget(self) -> None:
        """Begin counting anew: call it once the counters are stored."""
        self._counters = {}
