"""The registered domain of a name: the part that somebody bought.

The full list of public suffixes is a database of its own; this is a short table, made from what
registries publish: second levels of .id (PANDI) and those that are usual in many countries. What it
does not know: suffixes of single states and towns (``k12.ca.us``), private ones (``github.io``,
``blogspot.com``) and countries whose second levels have other names. There a customer's domain is
taken for a subdomain: names of several customers are counted together, none is lost.
"""

from __future__ import annotations

import functools

_INDONESIA = frozenset(
    ("ac", "biz", "co", "desa", "go", "kop", "mil", "my", "net", "or", "ponpes", "sch", "web")
)
"""PANDI, categories of names under .id."""
_USUAL = frozenset(
    ("ac", "co", "com", "edu", "gob", "gov", "gouv", "govt", "mil", "ne", "net", "or", "org", "sch")
)


@functools.lru_cache(maxsize=8192)
def split(name: str) -> tuple[str, str]:
    """Return (subdomain, registered domain) of *name*; a bare suffix has an empty subdomain."""
    labels = name.rstrip(".").lower().split(".")
    keep = 2
    if labels[-1] == "arpa":
        keep = 1
    elif len(labels) > 2 and len(labels[-1]) == 2:
        second = labels[-2]
        if second in (_INDONESIA if labels[-1] == "id" else _USUAL):
            keep = 3
    return ".".join(labels[:-keep]), ".".join(labels[-keep:])


def registered(name: str) -> str:
    """Return the registered domain of *name*."""
    return split(name)[1]


def below(name: str, domains: frozenset[str]) -> bool:
    """Tell whether *name* is one of *domains* or a subdomain of one."""
    name = name.rstrip(".").lower()
    while name:
        if name in domains:
            return True
        _, _, name = name.partition(".")
    return False
