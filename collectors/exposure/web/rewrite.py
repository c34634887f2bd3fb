"""What mod_rewrite does with one URL. Pure.

What depends on the visitor (browser, address, cookies, time) is not known: a rule that matches and
hangs on it is `Unclear`. Source: the documentation of mod_rewrite 2.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from collectors.exposure.web.model import Directive
from collectors.exposure.web.patterns import Unclear, found_by

FORBIDDEN, REDIRECT, PROXY, ELSEWHERE = "forbidden", "redirect", "proxy", "elsewhere"
_VARIABLE = re.compile(r"%\{([^}]{1,200})\}")
_TESTS = frozenset({"-f", "-d", "-s", "-l", "-F", "-x", "-h", "-U", "-L"})
_MOST_RULES = 5000


class Request(NamedTuple):
    """What is known of the request."""

    uri: str
    path: str
    """What it comes to before this."""
    values: dict[str, str]
    """Server variables by name, ``HTTP_HOST`` among them."""
    exists: Callable[[str, str], bool | None]
    """(test, path) to whether it holds: ``-f``, ``-d``, ``-s``."""


class Result(NamedTuple):
    """What came of it."""

    action: str = ""
    """Empty: nothing. ``forbidden``, ``redirect``, ``proxy`` or ``elsewhere`` (another URL)."""
    uri: str = ""
    """For ``elsewhere``: what the rule has put in its place."""
    handler: str = ""
    """Of flag H."""
    ended: bool = False
    """Flag END: nothing is rewritten after this."""


class _Rule(NamedTuple):
    conditions: tuple[Directive, ...]
    pattern: str
    target: str
    flags: dict[str, str]


def rules_of(directives: Iterable[Directive]) -> list[_Rule]:
    """Return the rules in *directives*, each with the conditions that stand before it."""
    found: list[_Rule] = []
    waiting: list[Directive] = []
    for one in directives:
        if one.name == "rewritecond" and len(one.args) >= 2:
            waiting.append(one)
        elif one.name == "rewriterule" and len(one.args) >= 2 and len(found) < _MOST_RULES:
            flags = _flags(one.args[2] if len(one.args) > 2 else "")
            found.append(_Rule(tuple(waiting), one.args[0], one.args[1], flags))
            waiting = []
    return found


def is_on(directives: Iterable[Directive]) -> bool | None:
    """Return what the last RewriteEngine says, None when there is none."""
    said = [one.args[0].lower() for one in directives if one.name == "rewriteengine" and one.args]
    return said[-1] == "on" if said else None


def _flags(text: str) -> dict[str, str]:
    found = {}
    for part in text.strip("[] ").split(","):
        name, _, value = part.strip().partition("=")
        found[_SHORT.get(name.lower(), name.upper())] = value
    return found


_SHORT = {
    "forbidden": "F",
    "gone": "G",
    "last": "L",
    "redirect": "R",
    "nocase": "NC",
    "chain": "C",
    "proxy": "P",
    "skip": "S",
    "handler": "H",
    "end": "END",
    "next": "N",
    "ornext": "OR",
}


def run(rules: Sequence[_Rule], subject: str, request: Request) -> Result:
    """Apply *rules* to *subject* (the URL path, or what follows the folder of a .htaccess).

    Raises:
        Unclear: it depends on what only the request tells.
    """
    current, changed, handler = subject, False, ""
    number = 0
    while number < len(rules):
        rule = rules[number]
        number += 1
        groups = _matches(rule, current, request)
        if groups is None:
            number += _chained(rules, number, rule)
            continue
        answer = _answer(rule)
        if answer:
            return Result(answer)
        target = "-" if rule.target == "-" else _filled(rule.target, groups, request)
        if target != "-" and re.match(r"(?i)https?://", target):
            return Result(REDIRECT)
        handler = rule.flags.get("H", handler)
        if target != "-":
            current, changed = target.partition("?")[0], True
        if rule.flags.keys() & {"L", "END", "PT"}:
            return _ended(current, subject, handler, changed, "END" in rule.flags)
        if "S" in rule.flags:
            number += int(rule.flags["S"]) if rule.flags["S"].isdigit() else 0
        if "N" in rule.flags:
            raise Unclear("rewrite_loop")
    return _ended(current, subject, handler, changed, False)


def _answer(rule: _Rule) -> str:
    """Return what a rule answers by its flags alone."""
    if rule.flags.keys() & {"F", "G"} or rule.flags.get("R", "")[:1] == "4":
        return FORBIDDEN
    return PROXY if "P" in rule.flags else REDIRECT if "R" in rule.flags else ""


def _ended(current: str, subject: str, handler: str, changed: bool, end: bool) -> Result:
    if changed and current != subject:
        return Result(ELSEWHERE, current, handler, end)
    return Result(handler=handler, ended=end)


def _chained(rules: Sequence[_Rule], number: int, rule: _Rule) -> int:
    """Return how many rules hang on one that did not match."""
    count = 0
    while "C" in rule.flags and number + count < len(rules):
        rule = rules[number + count]
        count += 1
    return count


def _matches(
    rule: _Rule, current: str, request: Request
) -> tuple[re.Match[str] | None, re.Match[str] | None] | None:
    """Return the matches of pattern and last condition, or None when the rule does not apply."""
    pattern, negated = rule.pattern, rule.pattern.startswith("!")
    match = found_by(pattern.lstrip("!"), current, ignore_case="NC" in rule.flags)
    if (match is None) != negated:
        return None
    holds, last = _conditions(rule.conditions, match, request)
    if holds is False:
        return None
    if holds is None:
        if rule.target == "-" and not rule.flags.keys() & {"F", "G", "R", "H", "S", "L", "END"}:
            return None  # without effect, whether it holds or not
        raise Unclear("depends_on_request")
    return (None if negated else match), last


def _conditions(
    conditions: Sequence[Directive], match: re.Match[str] | None, request: Request
) -> tuple[bool | None, re.Match[str] | None]:
    every: bool | None = True
    any_of: bool | None = False
    last: re.Match[str] | None = None
    joined = False
    for one in conditions:
        flags = _flags(one.args[2] if len(one.args) > 2 else "")
        holds, found = _condition(one.args[0], one.args[1], flags, (match, last), request)
        last = found or last
        any_of = _or(any_of, holds) if joined else holds
        joined = "OR" in flags
        if joined:
            continue
        every = _and(every, any_of)
    # An "or" that nothing follows holds: Apache looks for the next one and comes to the end.
    return every, last


def _or(left: bool | None, right: bool | None) -> bool | None:
    if left or right:
        return True
    return None if left is None or right is None else False


def _and(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _condition(
    text: str,
    wanted: str,
    flags: dict[str, str],
    groups: tuple[re.Match[str] | None, re.Match[str] | None],
    request: Request,
) -> tuple[bool | None, re.Match[str] | None]:
    negated = wanted.startswith("!")
    wanted = wanted[1:] if negated else wanted
    try:
        value = _filled(text, groups, request)
    except Unclear:
        return None, None
    if wanted in _TESTS:
        known = request.exists(wanted, value)
        return (None if known is None else known != negated), None
    if wanted[:1] in ("=", "<", ">"):
        holds = {"=": value == wanted[1:].strip('"'), "<": value < wanted[1:]}.get(
            wanted[0], value > wanted[1:]
        )
        return holds != negated, None
    if text.strip() == "expr" or wanted.startswith("-"):
        return None, None
    found = found_by(wanted, value, ignore_case="NC" in flags)
    return (found is not None) != negated, found


def _filled(
    text: str, groups: tuple[re.Match[str] | None, re.Match[str] | None], request: Request
) -> str:
    """Return *text* with variables and groups in their places."""

    def variable(match: re.Match[str]) -> str:
        name = match[1].upper()
        value = request.values.get(name)
        if value is None:
            raise Unclear("depends_on_request")
        return value

    def group(match: re.Match[str]) -> str:
        found = groups[0] if match[1] == "$" else groups[1]
        number = int(match[2])
        if found is None or number > found.re.groups:
            return ""
        return found[number] or ""

    return re.sub(r"([$%])(\d)", group, _VARIABLE.sub(variable, text))
