"""Data that leave in DNS questions.

Information-based heavy hitters (Ozery, Nadler, Shabtai: Information based heavy hitters for
real-time DNS data exfiltration detection, arXiv 2307.02614): for each registered domain the bytes
of *distinct* subdomains in an hour. A name that repeats carries nothing; a tunnel never repeats.
Where the paper sketches the count, one host has room to keep the hash of every name of the hour.

Beside that: labels longer than people choose, and many distinct names asked for TXT, NULL and the
like, by which answers carry much. Names below domains of the settings stay quiet, and a reversed
address (block lists) counts as the 4 or 16 bytes that it is worth. So a tunnel below a listed
domain is not seen, nor one that carries less than the limit in each hour.
MITRE ATT&CK T1071.004.
"""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec

from collectors.network.detect.domains import below, split
from collectors.network.detect.lru import Table
from collectors.network.detect.settings import DnsSettings
from collectors.network.model import HOUR, SECOND, Direction, Dns, Finding, Seen

_ODD = frozenset((10, 16, 25, 65399))  # NULL, TXT, KEY, private use
_REVERSED = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}(?:\.|$)|(?:[0-9a-f]\.){31}[0-9a-f](?:\.|$)")


class _Domain:
    """One registered domain in one hour."""

    __slots__ = ("answered", "begin", "examples", "information", "long", "names", "odd")

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self.names = self.information = self.long = self.odd = self.answered = 0
        self.examples: list[str] = []


class DnsTunnel:
    """Looks for tunnels in questions."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Dns,)

    def __init__(self, settings: DnsSettings) -> None:
        self._settings = settings
        self._quiet = frozenset(settings.quiet)
        self._seen: Table[int, int] = Table(settings.names)
        self._domains: Table[str, _Domain] = Table(settings.domains)

    def see(self, record: Seen) -> tuple[Finding, ...]:
        """Take a question."""
        if not isinstance(record, Dns):
            return ()
        name, at = record.name, record.at
        hour = at // HOUR
        key = hash(name)
        if self._seen.get(key) == hour:
            return ()
        self._seen[key] = hour
        sub, parent = split(name)
        if not sub or below(name, self._quiet):
            return ()
        domain = self._domains.get(parent)
        if domain is None or domain.begin // HOUR != hour:
            domain = self._domains[parent] = _Domain(at)
        self._count(domain, record, sub)
        limits = self._settings
        if domain.information >= limits.bytes_per_hour:
            return self._found("dns.tunnel", record, domain, parent)
        if domain.long >= limits.long_labels:
            return self._found("dns.long_labels", record, domain, parent)
        if domain.names >= limits.odd_names and domain.odd >= domain.names * limits.odd_share:
            return self._found("dns.odd_types", record, domain, parent)
        return ()

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Do nothing: an hour ends with the first question of the next one."""
        del now
        return ()

    def evicted(self) -> int:
        """Return how many names and domains were forgotten for want of room."""
        return self._seen.evicted + self._domains.evicted

    def _count(self, domain: _Domain, record: Dns, sub: str) -> None:
        domain.names += 1
        reversed_address = _REVERSED.match(sub)
        if reversed_address:
            domain.information += 4 if sub[:9].count(".") < 5 else 16
        else:
            domain.information += len(sub)
        domain.long += max(map(len, sub.split("."))) > self._settings.long_label
        domain.odd += record.type in _ODD
        domain.answered += record.response_bytes
        if len(domain.examples) < 4:
            domain.examples.append(record.name)

    def _found(self, rule: str, record: Dns, domain: _Domain, parent: str) -> tuple[Finding, ...]:
        self._domains[parent] = _Domain(record.at)
        seconds = max(1.0, (record.at - domain.begin) / SECOND)
        return (
            Finding(
                rule=rule,
                at=record.at,
                begin=domain.begin,
                severity="high" if rule == "dns.tunnel" else "medium",
                technique="T1071.004",
                source=record.conn.client,
                destination=record.conn.server,
                port=record.conn.server_port,
                direction=record.conn.direction or Direction.EXTERNAL,
                entity=parent,
                count=domain.names,
                score=min(1.0, domain.information / (2 * self._settings.bytes_per_hour)),
                numbers={
                    "distinct_names": float(domain.names),
                    "subdomain_bytes": float(domain.information),
                    "seconds": seconds,
                    "long_labels": float(domain.long),
                    "share_of_odd_types": domain.odd / max(1, domain.names),
                    "answer_bytes": float(domain.answered),
                },
                texts=(parent, *domain.examples),
                conn=record.conn,
            ),
        )
