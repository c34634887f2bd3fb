"""A server process that calls somebody outside for the first time.

A web server or database answers; it seldom calls. Per program and registered domain (or address),
after a learning time. A peer without any name is more suspicious than one that was looked up, a
database more than a web application. A shell or relay program that runs as the user of a server and
calls outside is told at once, learned or not.
MITRE ATT&CK T1071, T1059.004 for shells.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from collectors.network.detect.domains import registered
from collectors.network.detect.exfil import peer_key
from collectors.network.detect.lru import Table
from collectors.network.detect.names import Names
from collectors.network.detect.places import Places, written
from collectors.network.detect.remembered import Memory, recall
from collectors.network.detect.settings import PeerSettings
from collectors.network.model import HOUR, Direction, Finding, Flow, Seen

_VERSION = 1
_QUIET_PORTS = frozenset((53, 123, 853))
_DATABASES = ("mysqld", "mariadbd", "postgres", "redis-server", "memcached", "slapd")


class _Memory(Memory, array_like=True):
    started: int
    peers: list[int]


class Peer:
    """Knows whom server processes call."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Flow,)

    def __init__(self, settings: PeerSettings, places: Places, names: Names) -> None:
        self._settings = settings
        self._places = places
        self._names = names
        self._users = frozenset(settings.users)
        self._shells = frozenset(settings.shells)
        self._peers: Table[int, bool] = Table(settings.peers)
        self._started = 0

    def see(self, record: Seen) -> tuple[Finding, ...]:
        """Take a flow."""
        if not isinstance(record, Flow) or not record.process:
            return ()
        conn = record.conn
        if conn.direction is not Direction.OUTBOUND or conn.server_port in _QUIET_PORTS:
            return ()
        if self._places.inside(conn.server):
            return ()
        if record.process in self._shells and record.user in self._users:
            return (self._found("peer.shell", "high", record, self._names.of(conn)),)
        if not record.process.startswith(self._settings.processes):
            return ()
        name = self._names.of(conn)
        key = peer_key(f"{record.process} {registered(name) if name else written(conn.server)}")
        if self._peers.get(key) is not None:
            return ()
        self._peers[key] = True
        self._started = self._started or record.begin
        if record.last - self._started < self._settings.learning_hours * HOUR:
            return ()
        severity = "low" if name else "medium"
        if record.process.startswith(_DATABASES):
            severity = "medium" if name else "high"
        return (self._found("peer.new", severity, record, name),)

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Begin to learn."""
        self._started = self._started or now
        return ()

    def evicted(self) -> int:
        """Return how many peers were forgotten for want of room."""
        return self._peers.evicted

    def save(self) -> bytes:
        """Return what was learned."""
        peers = [key for key, _ in self._peers.items()]
        return msgspec.msgpack.encode(_Memory(_VERSION, self._started, peers))

    def restore(self, data: bytes) -> None:
        """Take what `save` gave.

        Raises:
            ValueError: it is none of ours, or of another version.
        """
        memory = recall(data, _Memory, _VERSION, "peers")
        self._started = memory.started
        for key in memory.peers:
            self._peers[key] = True

    @staticmethod
    def _found(rule: str, severity: str, flow: Flow, name: str) -> Finding:
        conn = flow.conn
        return Finding(
            rule=rule,
            at=flow.last,
            begin=flow.begin,
            severity=severity,
            technique="T1059.004" if rule == "peer.shell" else "T1071",
            source=conn.client,
            destination=conn.server,
            port=conn.server_port,
            direction=conn.direction,
            entity=f"{flow.process} {registered(name) if name else written(conn.server)}",
            count=1,
            score=1.0,
            numbers={"bytes_out": float(flow.client_bytes), "bytes_in": float(flow.server_bytes)},
            texts=tuple(text for text in (name, flow.user) if text),
            conn=conn,
            process=flow.process,
        )
