"""Mining of coins: stratum verbs in a stream or request, and names of pools.

Stratum version 1 (JSON lines, ``mining.subscribe`` and others), the dialect of CryptoNote coins
(``login`` with an ``agent``), and Ethereum's ``eth_submitLogin``. Encrypted pools are seen by their
name only.
MITRE ATT&CK T1496.
"""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec

from collectors.network.detect.places import written
from collectors.network.model import Conn, Dns, Finding, Http, Seen, Stream, Tls

_VERB = re.compile(
    rb'"method"\s*:\s*"(mining\.(?:subscribe|authorize|submit|notify|set_difficulty|configure)'
    rb'|eth_(?:submitLogin|submitWork|getWork)|job|keepalived)"'
)
_CRYPTONOTE = re.compile(rb'"method"\s*:\s*"login"[^\n]{0,400}"(?:agent|algo|rigid)"\s*:')
_POOL = re.compile(
    r"(?:^|[.-])(?:(?:xmr|monero)[a-z0-9]{0,8}|[a-z0-9]*(?:minexmr|supportxmr|moneroocean|nanopool"
    r"|minergate|nicehash|2miners|hashvault|f2pool|ethermine|unmineable|herominers|c3pool"
    r"|dwarfpool|hashrefinery|zpool|kryptex|minerpool|miningpoolhub|prohashing))\."
)


class Mining:
    """Looks for verbs and names. Keeps no state."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Stream, Http, Dns, Tls)

    def see(self, record: Seen) -> tuple[Finding, ...]:
        """Take a stream, a request or a name."""
        if isinstance(record, Dns):
            if _POOL.search(record.name):
                return (self._found("mining.pool", "medium", record.conn, record.at, record.name),)
        elif isinstance(record, Tls):
            if record.sni and _POOL.search(record.sni.lower()):
                return (self._found("mining.pool", "high", record.conn, record.at, record.sni),)
        elif isinstance(record, Http):
            if record.host and _POOL.search(record.host.lower()):
                return (self._found("mining.pool", "high", record.conn, record.at, record.host),)
        elif isinstance(record, Stream) and b'"method"' in record.client + record.server:
            for data in (record.client, record.server):
                verb = _VERB.search(data)
                if verb or _CRYPTONOTE.search(data):
                    text = verb[1].decode("ascii") if verb else "login"
                    conn = record.conn
                    return (self._found("mining.stratum", "high", conn, record.at, text),)
        return ()

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Do nothing."""
        del now
        return ()

    def evicted(self) -> int:
        """Return 0: there is no state."""
        return 0

    @staticmethod
    def _found(rule: str, severity: str, conn: Conn, at: int, text: str) -> Finding:
        pool = rule == "mining.pool"
        return Finding(
            rule=rule,
            at=at,
            begin=at,
            severity=severity,
            technique="T1496",
            source=conn.client,
            destination=conn.server,
            port=conn.server_port,
            direction=conn.direction,
            entity=text if pool else written(conn.server),
            count=1,
            score=1.0,
            texts=(text,),
            conn=conn,
        )
