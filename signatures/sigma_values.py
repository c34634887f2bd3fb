"""The values of a Sigma rule (pySigma's types) as comparisons of `sigma_text`.

pySigma is imported inside functions: it takes 200 ms, and only a collector needs it.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from signatures import sigma_text as text
from signatures.sigma_text import Check, Wild

if TYPE_CHECKING:
    from sigma.types import SigmaRegularExpression, SigmaString, SigmaType


class Unsupported(ValueError):  # noqa: N818 - named for what it is, not for what it does
    """A rule uses what this engine cannot do. ``str()`` says what, and what to do instead."""


class Test(NamedTuple):
    """One value comparison in a form that can be merged with others of the same field."""

    how: str
    """``eq``, ``starts``, ``ends``, ``has`` or ``check``."""
    value: str
    check: Check | None = None


_FLAGS = {"IGNORECASE": "i", "MULTILINE": "m", "DOTALL": "s"}
_COMPARE = {
    "LT": operator.lt,
    "LTE": operator.le,
    "GT": operator.gt,
    "GTE": operator.ge,
    "NEQ": operator.ne,
}


def expanded(values: Sequence[SigmaType]) -> list[SigmaType]:
    from sigma.types import SigmaExpansion

    flat: list[SigmaType] = []
    for value in values:
        flat += expanded(value.values) if isinstance(value, SigmaExpansion) else [value]
    return flat


def test_of(value: SigmaType) -> Test:
    from sigma import types as t

    if isinstance(value, t.SigmaString):
        return string_test(value, cased=False)
    if isinstance(value, t.SigmaTimestampPart):
        raise Unsupported("parts of a time (minute, hour, day ...) are not supported")
    if isinstance(value, t.SigmaNumber):
        return Test("eq", str(text.text_of(value.number)))
    if isinstance(value, t.SigmaBool):
        return Test("eq", "true" if value.boolean else "false")
    if isinstance(value, t.SigmaCIDRExpression):
        return Test("check", "", text.in_network(value.network))
    if isinstance(value, t.SigmaCompareExpression):
        compare, limit = _COMPARE[value.op.name], float(value.number.number)
        return Test("check", "", text.number(lambda number: bool(compare(number, limit))))
    raise Unsupported(f"a value of type {type(value).__name__} is not supported")


def string_test(value: SigmaString, *, cased: bool) -> Test:
    parts = parts_of(value, cased=cased)
    match parts:
        case []:
            return Test("eq", "")
        case [str() as only]:
            return Test("eq", only)
        case [Wild.ANY]:
            return Test("has", "")
        case [Wild.ANY, str() as end]:
            return Test("ends", end)
        case [str() as start, Wild.ANY]:
            return Test("starts", start)
        case [Wild.ANY, str() as part, Wild.ANY]:
            return Test("has", part)
    return Test("check", "", text.glob(parts))


def parts_of(value: SigmaString, *, cased: bool) -> list[str | Wild]:
    from sigma.types import SpecialChars

    parts: list[str | Wild] = []
    for part in value.s:
        if isinstance(part, str):
            parts.append(part if cased else part.lower())
        elif isinstance(part, SpecialChars):
            parts.append(Wild.ANY if part is SpecialChars.WILDCARD_MULTI else Wild.ONE)
        else:
            raise Unsupported(f"placeholder %{part.name}% is not supported; write the values out")
    return parts


def regular(value: SigmaRegularExpression) -> Check:
    """RE2 searches in linear time: no rule can be made to hang by hostile text."""
    from sigma.policy.profiles import SafePolicy

    flags = "".join(sorted(_FLAGS[flag.name] for flag in value.flags))
    prefix = f"(?{flags})" if flags else ""
    pattern = SafePolicy.regex_engine.compile(prefix + value.regexp.original)

    def check(subject: str) -> bool:
        try:
            return pattern.search(subject) is not None
        except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot hold
            return pattern.search(subject.encode("utf-8", "replace").decode()) is not None

    return check


def merge(tests: Sequence[Test]) -> list[Check]:
    """Return as few checks as possible for "any of *tests*"."""
    groups: dict[str, list[str]] = {}
    checks = [test.check for test in tests if test.check is not None]
    for test in tests:
        if test.check is None:
            groups.setdefault(test.how, []).append(test.value)
    merged: list[Check] = []
    for how, values in groups.items():
        if how == "eq":
            one = len(values) == 1
            merged.append(text.equals(values[0]) if one else text.one_of(frozenset(values)))
        elif how == "has":
            merged.append(text.contains(values))
        else:
            merged.append({"starts": text.starts, "ends": text.ends}[how](tuple(values)))
    return merged + checks
