"""Sigma conditions become Python closures over an event's fields.

pySigma is imported inside functions (see `sigma_values`). What cannot be compiled raises
`Unsupported`: a rule that would quietly match less than its author meant is worse than none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from signatures import sigma_text as text
from signatures.sigma_text import Check, Texts, Wild
from signatures.sigma_values import (
    Test,
    Unsupported,
    expanded,
    merge,
    parts_of,
    regular,
    string_test,
    test_of,
)

if TYPE_CHECKING:
    from sigma.types import SigmaType

Matcher: TypeAlias = Callable[[Texts], bool]


class Needed(NamedTuple):
    """An event can match only if *field* has one of *values* (lower case). For the index."""

    field: str
    values: frozenset[str]


class Compiled(NamedTuple):
    """A condition, ready to run."""

    match: Matcher
    needed: tuple[Needed, ...]
    """All of them must hold; the index uses the best one."""
    fields: frozenset[str]


def compile_condition(tree: object, names: Mapping[str, str]) -> Compiled:
    """Compile a post-processed pySigma condition. *names* maps foreign field names to ECS.

    Raises:
        Unsupported: the condition has a part that cannot be compiled.
    """
    compiler = _Compiler(names)
    match, needed = compiler.node(tree)
    return Compiled(match, needed, frozenset(compiler.fields))


class _Compiler:
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self.fields: set[str] = set()

    def node(self, node: object) -> tuple[Matcher, tuple[Needed, ...]]:
        from sigma import conditions as c

        if isinstance(node, c.ConditionFieldEqualsValueExpression):
            return self._leaves(node.field, [node.value])
        if isinstance(node, c.ConditionValueExpression):
            return _keyword(node.value), ()
        if isinstance(node, c.ConditionNOT):
            inner, _ = self.node(node.args[0])
            return (lambda view: not inner(view)), ()
        if isinstance(node, c.ConditionAND):
            return self._all(node.args)
        if isinstance(node, c.ConditionOR):
            return self._any(node.args)
        raise Unsupported(f"a condition of type {type(node).__name__} is not supported")

    def _all(self, args: Sequence[object]) -> tuple[Matcher, tuple[Needed, ...]]:
        parts = [self.node(arg) for arg in args]
        # What has a required value is cheap and selective: it runs first.
        parts.sort(key=lambda part: not part[1])
        needed = tuple(need for _, needs in parts for need in needs)
        return _conjunction([match for match, _ in parts]), needed

    def _any(self, args: Sequence[object]) -> tuple[Matcher, tuple[Needed, ...]]:
        from sigma import conditions as c

        leaves: dict[str, list[SigmaType]] = {}
        parts: list[tuple[Matcher, tuple[Needed, ...]]] = []
        for arg in args:
            if isinstance(arg, c.ConditionFieldEqualsValueExpression):
                leaves.setdefault(arg.field, []).append(arg.value)
            else:
                parts.append(self.node(arg))
        parts[:0] = [self._leaves(field, values) for field, values in leaves.items()]
        if len(parts) == 1:
            return parts[0]
        return _disjunction([match for match, _ in parts]), _common([needs for _, needs in parts])

    def _leaves(self, name: str, values: list[SigmaType]) -> tuple[Matcher, tuple[Needed, ...]]:
        """Any of *values* in one field."""
        from sigma import types as t

        field = self._field(name)
        matchers: list[Matcher] = []
        plain: list[Test] = []
        for value in expanded(values):
            if isinstance(value, t.SigmaNull):
                matchers.append(_absent(field))
            elif isinstance(value, t.SigmaExists):
                matchers.append(_present(field) if value.exists else _absent(field))
            elif isinstance(value, t.SigmaFieldReference):
                matchers.append(self._reference(field, value))
            elif isinstance(value, t.SigmaCasedString):
                matchers.append(_on_cased(field, merge([string_test(value, cased=True)])))
            elif isinstance(value, t.SigmaRegularExpression):
                matchers.append(_on_cased(field, [regular(value)]))
            else:
                plain.append(test_of(value))
        matchers += [_on(field, check) for check in merge(plain)]
        needed: tuple[Needed, ...] = ()
        if plain and len(plain) == len(expanded(values)) and all(p.how == "eq" for p in plain):
            needed = (Needed(field, frozenset(p.value for p in plain)),)
        return _disjunction(matchers), needed

    def _field(self, name: str) -> str:
        field = self._names.get(name, name)
        self.fields.add(field)
        return field

    def _reference(self, field: str, value: object) -> Matcher:
        if getattr(value, "starts_with", False) or getattr(value, "ends_with", False):
            raise Unsupported("fieldref together with startswith or endswith is not supported")
        other = self._field(str(getattr(value, "field")))  # noqa: B009 - a pySigma class, imported lazily

        def match(view: Texts) -> bool:
            return not _all_of(view[field]).isdisjoint(_all_of(view[other]))

        return match


def _all_of(value: str | tuple[str, ...]) -> set[str]:
    return {value} if isinstance(value, str) else set(value)


def _on(field: str, check: Check) -> Matcher:
    def match(view: Texts) -> bool:
        value = view[field]
        if value.__class__ is str:
            return check(value)  # comparing the class is faster than isinstance
        return any(check(item) for item in value)

    return match


def _on_cased(field: str, checks: Sequence[Check]) -> Matcher:
    on = _disjunction([_on(field, check) for check in checks])

    def match(view: Texts) -> bool:
        return view.cased is not None and on(view.cased)

    return match


def _keyword(value: SigmaType) -> Matcher:
    """A value without a field: anywhere in any field."""
    from sigma import types as t

    if isinstance(value, t.SigmaExpansion):
        return _disjunction([_keyword(inner) for inner in value.values])
    if isinstance(value, t.SigmaCasedString) or not isinstance(
        value, (t.SigmaString, t.SigmaNumber)
    ):
        raise Unsupported(
            f"a keyword of type {type(value).__name__} is not supported; name a field"
        )
    string = value if isinstance(value, t.SigmaString) else t.SigmaString(str(value.number))
    parts = [Wild.ANY, *parts_of(string, cased=False), Wild.ANY]
    literal = parts[1:-1]
    if len(literal) == 1 and isinstance(literal[0], str):
        check = text.contains([literal[0]])
    else:
        check = text.glob(parts)
    return lambda view: text.any_text(view.event, check)


def _present(field: str) -> Matcher:
    return lambda view: view.event.get(field) is not None


def _absent(field: str) -> Matcher:
    return lambda view: view.event.get(field) is None


def _conjunction(matchers: list[Matcher]) -> Matcher:
    if len(matchers) == 1:
        return matchers[0]
    if len(matchers) == 2:
        first, second = matchers
        return lambda view: first(view) and second(view)

    def match(view: Texts) -> bool:
        for matcher in matchers:  # noqa: SIM110 - a generator costs twice as much here
            if not matcher(view):
                return False
        return True

    return match


def _disjunction(matchers: list[Matcher]) -> Matcher:
    if len(matchers) == 1:
        return matchers[0]

    def match(view: Texts) -> bool:
        for matcher in matchers:  # noqa: SIM110 - as above
            if matcher(view):
                return True
        return False

    return match


def _common(alternatives: Sequence[tuple[Needed, ...]]) -> tuple[Needed, ...]:
    """Return what all alternatives need: a field that each of them fixes, with all its values."""
    if not alternatives or not all(alternatives):
        return ()
    common: list[Needed] = []
    for field in {need.field for need in alternatives[0]}:
        choices = [[n.values for n in needs if n.field == field] for needs in alternatives]
        if all(choices):
            common.append(Needed(field, frozenset().union(*(choice[0] for choice in choices))))
    return tuple(common)
