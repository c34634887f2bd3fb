"""How bad it is that something crosses the network in clear. Pure.

The other end decides: what leaves to a public address is out; inside the agency it is a weakness.
A person's own page, one family on it, is what applications are for: low, whatever the register.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import NamedTuple

from collectors.kinds import Severity

LEAVING, ARRIVING, INSIDE, PASSING = "leaving", "arriving", "inside", "passing"
BULK = 100
"""People from which on it is a breach of many."""
LIST = 10
"""People from which on a page is a list, not one family."""
CONFIDENT = 0.7
"""Less sure counts are not told of the network: nobody can look at them again."""

CITIZENS = frozenset(
    {"nik", "kk", "card", "bpjs", "nisn", "kpj", "passport", "sim", "bank_account"}
)
KEYS = frozenset(
    {
        *("private_key", "dsn", "password", "app_key", "aws_key", "azure_key", "telegram_token"),
        *("payment_key", "git_token", "password_hash", "keepass"),
    }
)
"""What opens a system. Session tokens belong into answers, and keys of maps into pages."""
_SECRET = KEYS | {"marking"}
_PRIVATE = tuple(
    ipaddress.ip_network(net)
    for net in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16"),
        *("100.64.0.0/10", "0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32"),
        *("::1/128", "::/128", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
)


class Weight(NamedTuple):
    """What a sum of pieces amounts to."""

    way: str
    public: bool
    people: int
    """Different citizens; estimated for the whole where at least `LIST` were seen."""
    seen: int
    """Of these, seen."""
    pieces: int
    types: frozenset[str]
    canary: bool = False
    registered: bool = False
    login: bool = False
    known: bool = False
    """A login that succeeded."""


def is_public(address: str) -> bool:
    """Tell whether *address* is outside: not private, local, carrier-grade or many."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not any(found in net for net in _PRIVATE if net.version == found.version)


def way_of(direction: str, *, from_client: bool) -> str:
    """Return which way bytes go, seen from this host."""
    if direction == "internal":
        return INSIDE
    if direction == "inbound":
        return ARRIVING if from_client else LEAVING
    if direction == "outbound":
        return LEAVING if from_client else ARRIVING
    return PASSING


def severity(weight: Weight) -> Severity | None:
    """Return the severity; None for what is not worth telling."""
    if weight.canary:
        return Severity.CRITICAL
    if weight.login:
        return _login(weight)
    out = weight.public and weight.way in {LEAVING, PASSING}
    level = _people(weight, out=out)
    if not weight.types.isdisjoint(_SECRET):
        key = Severity.HIGH if out else Severity.MEDIUM if weight.way == LEAVING else Severity.LOW
        level = max(level or key, key)
    if level is not None and weight.registered and weight.seen > 1 and out:
        level = Severity(min(level + 1, Severity.CRITICAL))
    return level


def _people(weight: Weight, *, out: bool) -> Severity | None:
    if not weight.people:
        return None
    if weight.people >= BULK and weight.seen >= LIST:
        return Severity.CRITICAL if out else Severity.MEDIUM
    if out and weight.seen >= LIST:
        return Severity.HIGH
    if out and weight.seen > 2 and weight.pieces > 2:
        return Severity.MEDIUM  # page after page of different people
    if weight.way == INSIDE and weight.seen < LIST:
        return None
    return Severity.LOW


def _login(weight: Weight) -> Severity:
    if weight.way == INSIDE:
        return Severity.LOW
    if weight.public:
        return Severity.HIGH if weight.known else Severity.MEDIUM
    return Severity.MEDIUM if weight.known else Severity.LOW


def reasons(weight: Weight, *, head_only: bool, proxied: bool) -> tuple[str, ...]:
    """Return why, as short keys."""
    citizens = any(map(is_persons, weight.types))
    facts: dict[str, bool] = {
        "bulk": citizens and weight.people >= BULK and weight.seen >= LIST,
        "canary": weight.canary,
        "registered": weight.registered,
        "credentials": not weight.login and not weight.types.isdisjoint(KEYS),
        "many_pages": citizens and weight.seen > 2 and weight.pieces > 2,
        "own_page": citizens and weight.seen < LIST and weight.pieces == 1,
        "head_only": head_only,
        "proxied": proxied,
        "login": weight.login,
    }
    return tuple(name for name, holds in facts.items() if holds)


def is_persons(type_: str) -> bool:
    """Tell whether values of a type stand for one person each; what the operator defined does."""
    return type_ in CITIZENS or type_.startswith("custom.")


def wanted(types: Collection[str]) -> bool:
    """Tell whether something of *types* is worth telling by itself."""
    return any(is_persons(one) or one in _SECRET for one in types)
