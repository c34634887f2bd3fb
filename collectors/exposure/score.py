"""How bad a finding is. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from collectors.exposure.reach import PRIVATE, WEB_ROOT, WORLD_READABLE
from collectors.kinds import Severity, Tally
from signatures.identifiers import BY_NAME
from signatures.identifiers.finders import CREDENTIALS

BULK = 100
"""Citizens from which on a file is a breach of many."""
_CONFIDENT = 0.7
_WEIGHTS = {name: identifier.weight for name, identifier in BY_NAME.items()}
NO_WEIGHTS: Mapping[str, int] = {}
_CITIZENS = frozenset(
    {"nik", "kk", "card", "bpjs", "nisn", "kpj", "passport", "sim", "bank_account"}
)
"""What is one person's own, and harms them in other hands; a telephone or a plate adds to it."""
_SECRETS = CREDENTIALS | {"marking"}
_SAMPLES = re.compile(r"\A/usr/share/(?:[^/]+/)?docs?/|/(?:_?tests?|testdata|fixtures|examples)/")
"""Packages bring samples there, keys among them: everybody has the same. In a web root nobody
knows that."""
_OPEN = frozenset({"downloadable", "listed"})
_GIVEAWAY = re.compile(
    r"(?:\.(?:sql|bak|backup|old|orig|save|swp|swo|dump|db|sqlite3?|env|log|tar)|~)"
    r"(?:\.(?:gz|bz2|xz|zst|zip|\d{1,8}))?\Z|(?:\A|/)\.env[^/]*\Z",
    re.IGNORECASE,
)
"""Copies, dumps and logs: nobody publishes them on purpose."""
_EXECUTED = (".php", ".phtml", ".py", ".rb", ".jsp", ".asp", ".aspx", ".cgi", ".pl")


class Web(NamedTuple):
    """What the web servers of this host do with a file."""

    served: str = ""
    """As `collectors.exposure.web.view.Place`; empty when there is no web server."""
    checked: bool = False
    reasons: tuple[str, ...] = ()


NO_WEB = Web()


class Score(NamedTuple):
    """The judgement of one file."""

    score: int
    """0 to 100."""
    severity: Severity
    reasons: tuple[str, ...]


def judge(
    tallies: Sequence[Tally],
    reachable: str,
    name: str,
    weights: Mapping[str, int] = NO_WEIGHTS,
    web: Web = NO_WEB,
) -> Score:
    """Return sensitivity x volume x combination x reachability for a file called *name*.

    *weights*: sensitivity of the types that the operator defined. *web*: what its web server does
    with it.
    """
    confidence = max(tally.confidence for tally in tallies)
    executed = reachable == WEB_ROOT and _is_executed(name, web)
    sample = (
        reachable != WEB_ROOT and _SAMPLES.search(name) is not None and not _has_citizens(tallies)
    )
    reasons = _reasons(tallies, reachable, confidence, executed=executed, sample=sample)
    reasons += _web_reasons(web)
    known = {**_WEIGHTS, **weights}
    sensitivity = max(known.get(tally.type, 30) * tally.confidence for tally in tallies)
    volume = 5 * math.log10(max(1, sum(tally.count for tally in tallies)))
    combination = 5 * (len(tallies) - 1)
    open_to = {WEB_ROOT: 1.2, WORLD_READABLE: 0.9, PRIVATE: 0.6}.get(reachable, 0.8)
    if executed:
        open_to = 0.7
    elif web.served in _OPEN:
        open_to = 1.4 if web.served == "downloadable" else 1.5
    score = min(100, round((sensitivity + volume + combination) * open_to))
    if sample:
        return Score(score // 2, Severity.LOW, reasons)
    severity = _severity(tallies, reachable, executed=executed)
    if web.served in _OPEN and severity is Severity.HIGH and _is_giveaway(tallies, name):
        severity = Severity.CRITICAL
    return Score(score, severity, (*reasons, *_giveaway(web, tallies, name)))


def _is_executed(name: str, web: Web) -> bool:
    if web.served in _OPEN:
        return False  # a program whose source is handed out
    return web.served == "executed" or name.lower().endswith(_EXECUTED)


def _is_giveaway(tallies: Sequence[Tally], name: str) -> bool:
    """Tell whether scanners ask every site for such a file, or everything in it is a secret."""
    sure = [tally for tally in tallies if tally.confidence >= _CONFIDENT]
    if any(tally.type in CREDENTIALS for tally in sure):
        return True
    return _GIVEAWAY.search(name) is not None and any(tally.type in _CITIZENS for tally in sure)


def _giveaway(web: Web, tallies: Sequence[Tally], name: str) -> tuple[str, ...]:
    return ("giveaway",) if web.served in _OPEN and _is_giveaway(tallies, name) else ()


def _web_reasons(web: Web) -> tuple[str, ...]:
    facts = {
        "downloadable": web.served in _OPEN,
        "listed": web.served == "listed",
        "denied": web.served == "forbidden",
        "not_served": web.served == "not_served",
        "url_checked": web.checked,
    }
    known = [name for name, holds in facts.items() if holds]
    return (*known, *(reason for reason in web.reasons if reason not in known))


def registered(judged: Score, reachable: str) -> Score:
    """Return the judgement of a file with people of the operator's register: one level more.

    That they are real raises it, not their number: that is counted already. A file that only its
    owner can read stays below high.
    """
    reasons = tuple(one for one in judged.reasons if one != "low_confidence")
    most = Severity.MEDIUM if reachable == PRIVATE else Severity.CRITICAL
    level = max(judged.severity, min(Severity(min(judged.severity + 1, 4)), most))
    return Score(min(100, judged.score + 10), Severity(level), (*reasons, "registered"))


def betrayed(judged: Score) -> Score:
    """Return the judgement of a file that holds a canary: nobody has a reason to have it."""
    reasons = tuple(one for one in judged.reasons if one not in {"documentation", "low_confidence"})
    return Score(100, Severity.CRITICAL, (*reasons, "canary"))


def _has_citizens(tallies: Sequence[Tally]) -> bool:
    return any(tally.type in _CITIZENS for tally in tallies)


def _severity(tallies: Sequence[Tally], reachable: str, *, executed: bool) -> Severity:
    sure = [tally for tally in tallies if tally.confidence >= _CONFIDENT]
    if not sure:
        return Severity.LOW
    citizens = sum(tally.count for tally in sure if tally.type in _CITIZENS)
    secrets = any(tally.type in _SECRETS for tally in sure)
    many = citizens >= BULK
    if reachable == WEB_ROOT and not executed:
        bulk = many or any(tally.type == "private_key" for tally in sure)
        return Severity.CRITICAL if bulk else _at_least_medium(citizens, secrets=secrets)
    if reachable == PRIVATE:
        return Severity.MEDIUM if many else Severity.LOW
    if many:
        return Severity.HIGH
    if executed and not citizens:
        return Severity.LOW  # a configuration that is run, not handed out
    return Severity.MEDIUM if citizens or secrets else Severity.LOW


def _at_least_medium(citizens: int, *, secrets: bool) -> Severity:
    return Severity.HIGH if citizens or secrets else Severity.MEDIUM


def _reasons(
    tallies: Sequence[Tally], reachable: str, confidence: float, *, executed: bool, sample: bool
) -> tuple[str, ...]:
    facts = {
        "in_web_root": reachable == WEB_ROOT,
        "world_readable": reachable == WORLD_READABLE,
        "executed_not_served": executed,
        "bulk": sum(tally.count for tally in tallies if tally.type in _CITIZENS) >= BULK,
        "combination": len(tallies) > 1,
        "credentials": any(tally.type in CREDENTIALS for tally in tallies),
        "classified": any(tally.type == "marking" for tally in tallies),
        "register": any(tally.type in ("dukcapil", "bpjs_dump") for tally in tallies),
        "documentation": sample,
        "named_column": any(tally.column for tally in tallies),
        "low_confidence": confidence < _CONFIDENT,
        "sampled": not all(tally.exact for tally in tallies),
    }
    return tuple(name for name, holds in facts.items() if holds)
