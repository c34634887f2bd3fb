"""Data in echo messages.

A ping repeats one payload for ever, apart from a time stamp in its first bytes, and its reply gives
it back unchanged (RFC 792, RFC 4443). A tunnel (ptunnel, icmpsh, icmptunnel) sends ever new
payloads, and its replies carry something else. Counted per pair of hosts and window: different
payloads behind the first 16 bytes, and replies that do not repeat their request. Entropy is only
given as evidence, of the differences between neighbouring bytes: the rising bytes of a common ping
would look random otherwise.
MITRE ATT&CK T1095.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import ClassVar

import msgspec

from collectors.network.detect.lru import Table
from collectors.network.detect.places import Places, written
from collectors.network.detect.settings import IcmpSettings
from collectors.network.model import SECOND, Conn, Direction, Finding, Icmp, Seen

_ECHO = frozenset((0, 8, 128, 129))
_STAMP = 16
"""ping puts a struct timeval of 16 bytes first."""


def disorder(payload: bytes) -> float:
    """Return the entropy of the differences of neighbours, 0 to 1."""
    steps = Counter((b - a) & 0xFF for a, b in itertools.pairwise(payload))
    total = sum(steps.values())
    if total < 2:
        return 0.0
    bits = -sum(n / total * math.log2(n / total) for n in steps.values())
    return bits / math.log2(min(256, total))


class _Peer:
    __slots__ = ("begin", "bytes", "disorder", "messages", "mismatches", "payloads", "request")

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self.bytes = self.messages = self.mismatches = 0
        self.disorder = 0.0
        self.payloads: set[int] = set()
        self.request = 0


class IcmpTunnel:
    """Looks for tunnels in echo messages."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Icmp,)

    def __init__(self, settings: IcmpSettings, places: Places) -> None:
        self._settings = settings
        self._places = places
        self._peers: Table[tuple[bytes, bytes], _Peer] = Table(settings.peers)

    def see(self, record: Seen) -> tuple[Finding, ...]:
        """Take an echo message."""
        if not isinstance(record, Icmp) or record.type not in _ECHO:
            return ()
        conn, limits = record.conn, self._settings
        pair = (
            (conn.client, conn.server)
            if conn.client < conn.server
            else (
                conn.server,
                conn.client,
            )
        )
        peer = self._peers.get(pair)
        if peer is None or not 0 <= record.at - peer.begin < limits.window * SECOND:
            request = peer.request if peer is not None else 0
            peer = self._peers[pair] = _Peer(record.at)
            peer.request = request
        self._count(peer, record)
        new = len(peer.payloads) >= limits.payloads and peer.bytes >= limits.bytes
        if not new and peer.mismatches < limits.mismatches:
            return ()
        self._peers.pop(pair)
        return (self._found(record, peer),)

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Do nothing: a window ends with the first message of the next one."""
        del now
        return ()

    def evicted(self) -> int:
        """Return how many pairs were forgotten for want of room."""
        return self._peers.evicted

    def _count(self, peer: _Peer, record: Icmp) -> None:
        peer.messages += 1
        peer.bytes += record.size
        whole = hash((record.payload, record.size))
        if record.type in (8, 128):
            peer.request = whole
        elif peer.request and whole != peer.request and record.size:
            peer.mismatches += 1
        # A search for the largest packet varies sizes, not the beginning of the content.
        tail = record.payload[_STAMP : _STAMP + 24]
        if len(tail) == 24 and any(tail) and len(peer.payloads) < self._settings.payloads:
            known = len(peer.payloads)
            peer.payloads.add(hash(tail))
            if len(peer.payloads) > known:
                peer.disorder += disorder(record.payload[_STAMP:])

    def _found(self, record: Icmp, peer: _Peer) -> Finding:
        conn = record.conn
        return Finding(
            rule="icmp.tunnel",
            at=record.at,
            begin=peer.begin,
            severity="medium" if self._inside(conn) else "high",
            technique="T1095",
            source=conn.client,
            destination=conn.server,
            direction=conn.direction or Direction.EXTERNAL,
            entity=f"{written(conn.client)} {written(conn.server)}",
            count=peer.messages,
            score=min(1.0, peer.disorder / max(1, len(peer.payloads))),
            numbers={
                "messages": float(peer.messages),
                "bytes": float(peer.bytes),
                "different_payloads": float(len(peer.payloads)),
                "replies_that_differ": float(peer.mismatches),
                "seconds": (record.at - peer.begin) / SECOND,
            },
            conn=conn,
        )

    def _inside(self, conn: Conn) -> bool:
        return self._places.inside(conn.client) and self._places.inside(conn.server)
