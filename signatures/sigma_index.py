"""Which rules to run on an event: by kind, then by a value that the rule requires."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from signatures.sigma_compile import Needed
from signatures.sigma_rule import Rule
from signatures.sigma_text import Texts, view_of

MAX_KINDS = 256
"""Kinds whose rules are kept at hand. Kinds come from agents, so their number is bounded here."""


class _Bucket:
    """The rules for one kind."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.always: list[Rule] = []
        self.by_value: dict[str, dict[str, list[Rule]]] = {}
        for rule in rules:
            need = _best(rule.needed)
            if need is None:
                self.always.append(rule)
                continue
            for value in need.values:
                self.by_value.setdefault(need.field, {}).setdefault(value, []).append(rule)
        self.lookups = tuple(self.by_value.items())

    def candidates(self, view: Texts) -> Iterator[Rule]:
        yield from self.always
        for field, by_value in self.lookups:
            value = view[field]
            if isinstance(value, str):
                yield from by_value.get(value, ())
            elif value:
                yield from _once(rule for item in value for rule in by_value.get(item, ()))


def _once(rules: Iterable[Rule]) -> Iterator[Rule]:
    """A list may hold several values of one rule."""
    return iter({rule.id: rule for rule in rules}.values())


def _best(needed: Iterable[Needed]) -> Needed | None:
    return min(needed, key=lambda need: len(need.values), default=None)


class RuleIndex:
    """Finds the rules that match an event. Not for several threads at once."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._buckets: dict[str, _Bucket] = {}

    def candidates(self, event: Mapping[str, Any], view: Texts) -> Iterator[Rule]:
        """Yield the rules that could match; each once."""
        kind = str(event.get("ronda.kind", ""))
        bucket = self._buckets.get(kind)
        if bucket is None:
            bucket = _Bucket(rule for rule in self.rules if kind in rule.kinds)
            if len(self._buckets) >= MAX_KINDS:
                self._buckets.clear()
            self._buckets[kind] = bucket
        return bucket.candidates(view)

    def match(self, event: Mapping[str, Any]) -> list[Rule]:
        """Return the rules that match *event* (flat, ECS names, with ``ronda.kind``)."""
        view = view_of(event)
        return [rule for rule in self.candidates(event, view) if rule.match(view)]
