"""Bursts of names that do not exist: a program tries generated domains until one answers.

Distinct names answered with NXDOMAIN per client and hour, of which a share looks generated: long,
few vowels, runs of consonants, entropy of the characters over 3.5 bits (common to the published
classifiers, for example Antonakakis et al.: From Throw-Away Traffic to Bots, 2012). Many more that
look ordinary are told as well, lower, and so are many below one registered domain: something is
set up wrongly, or tries names there. Block lists and reverse look-ups live by NXDOMAIN and stay
quiet, and so do names to which a search suffix of ours was added.
MITRE ATT&CK T1568.002.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import ClassVar

import msgspec

from collectors.network.detect.domains import below, registered, split
from collectors.network.detect.lru import Table
from collectors.network.detect.places import written
from collectors.network.detect.settings import DnsSettings
from collectors.network.model import HOUR, SECOND, Dns, Finding, Seen

_NXDOMAIN = 3
_MOST = 1024
_SUFFIXES = frozenset(("com", "net", "org", "id", "info", "io", "gov", "edu", "arpa", "local"))
_VOWELS = frozenset("aeiouy")


def entropy(text: str) -> float:
    """Return bits per character."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values()) if total else 0.0


def looks_generated(name: str) -> bool:
    """Tell whether the label that was bought looks made by a program."""
    label = max(registered(name).split(".")[:1] or [""], key=len)
    if len(label) < 8 or label.startswith("xn--"):
        return False
    letters = [c for c in label if c.isalpha()]
    digits = len(label) - len(letters) - label.count("-")
    if digits and len(letters) >= 3 and digits / len(label) >= 0.25:
        return True
    vowels = sum(c in _VOWELS for c in letters)
    if not letters or vowels / len(letters) < 0.2:
        return True
    run = longest = 0
    for c in label:
        run = run + 1 if c.isalpha() and c not in _VOWELS else 0
        longest = max(longest, run)
    return longest >= 5 or (len(label) >= 12 and entropy(label) >= 3.5 and longest >= 4)


class _Client:
    __slots__ = ("begin", "below", "domains", "generated", "names", "seen", "total")

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self.total = 0
        self.generated = 0
        self.domains: set[int] = set()
        self.seen: set[int] = set()
        self.below: dict[str, int] = {}
        self.names: list[str] = []


class DnsGenerated:
    """Looks for bursts of NXDOMAIN."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Dns,)

    def __init__(self, settings: DnsSettings) -> None:
        self._settings = settings
        self._quiet = frozenset(settings.quiet)
        self._clients: Table[bytes, _Client] = Table(settings.domains)

    def see(self, record: Seen) -> tuple[Finding, ...]:
        """Take a question."""
        if not isinstance(record, Dns) or record.rcode != _NXDOMAIN or not record.answered:
            return ()
        if below(record.name, self._quiet):
            return ()
        client = self._clients.get(record.conn.client)
        if client is None or not 0 <= record.at - client.begin < HOUR:
            client = self._clients[record.conn.client] = _Client(record.at)
        sub, parent = split(record.name)
        if self._many_below(client, record.name, sub, parent):
            return (self._finding("dns.nxdomain", record, client, parent),)
        if hash(parent) in client.domains or len(client.domains) >= _MOST:
            return ()
        client.domains.add(hash(parent))
        client.total += 1
        if looks_generated(record.name):
            client.generated += 1
        if len(client.names) < 7:
            client.names.append(parent)
        limits = self._settings
        many = client.generated >= limits.nxdomain * limits.generated_share
        if client.total >= limits.nxdomain and many and self._share(client):
            return self._found("dns.generated", record, client)
        if client.total >= limits.nxdomain_any:
            return self._found("dns.nxdomain", record, client)
        return ()

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Do nothing: an hour ends with the first question of the next one."""
        del now
        return ()

    def evicted(self) -> int:
        """Return how many clients were forgotten for want of room."""
        return self._clients.evicted

    def _share(self, client: _Client) -> bool:
        return client.generated >= client.total * self._settings.generated_share

    def _many_below(self, client: _Client, name: str, sub: str, parent: str) -> bool:
        """Count different names below one domain; tell once when there are too many."""
        key = hash(name)
        if key in client.seen or len(client.seen) >= _MOST or not sub:
            return False
        if sub.rpartition(".")[2] in _SUFFIXES:
            return False
        client.seen.add(key)
        count = client.below.get(parent, 0) + 1
        if count > 1 or len(client.below) < _MOST:
            client.below[parent] = count
        return count == self._settings.nxdomain

    def _found(self, rule: str, record: Dns, client: _Client) -> tuple[Finding, ...]:
        self._clients.pop(record.conn.client)
        return (self._finding(rule, record, client, written(record.conn.client)),)

    @staticmethod
    def _finding(rule: str, record: Dns, client: _Client, entity: str) -> Finding:
        total = client.total if rule == "dns.generated" else max(client.total, len(client.seen))
        return Finding(
            rule=rule,
            at=record.at,
            begin=client.begin,
            severity="high" if rule == "dns.generated" else "low",
            technique="T1568.002",
            source=record.conn.client,
            destination=record.conn.server,
            port=record.conn.server_port,
            direction=record.conn.direction,
            entity=entity,
            count=total,
            score=client.generated / total,
            numbers={
                "names_that_do_not_exist": float(total),
                "look_generated": float(client.generated),
                "seconds": (record.at - client.begin) / SECOND,
            },
            texts=tuple(client.names),
        )
