"""A port of this host that answers for the first time: a service that was started, or a back door.

A SYN-ACK from a local port that was in no earlier connection, once the learning time is over. Data
ports of passive FTP come and go and are quiet for pairs that speak FTP. What was learned is kept
over restarts.
MITRE ATT&CK T1571.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from collectors.network.detect.lru import Table
from collectors.network.detect.places import Places, written
from collectors.network.detect.remembered import Memory, recall
from collectors.network.detect.settings import ListenerSettings
from collectors.network.model import (
    ACK,
    HOUR,
    SYN,
    TCP,
    Banner,
    Direction,
    Finding,
    Flow,
    Login,
    Seen,
)

_VERSION = 1
_NOTORIOUS = frozenset((1234, 1337, 4444, 4445, 5555, 6666, 6667, 8888, 9001, 12345, 31337))


class _Memory(Memory, array_like=True):
    started: int
    ports: list[int]


class Listener:
    """Knows which ports answer."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Flow, Banner, Login)

    def __init__(self, settings: ListenerSettings, places: Places) -> None:
        self._settings = settings
        self._places = places
        self._quiet = frozenset(settings.quiet_ports)
        self._ports: Table[int, bool] = Table(settings.listeners)
        self._ftp: Table[tuple[bytes, bytes], bool] = Table(1024)
        self._started = 0

    def see(self, record: Seen) -> tuple[Finding, ...]:
        """Take a flow, or what tells of FTP."""
        if isinstance(record, (Banner, Login)):
            if record.protocol == "ftp":
                self._ftp[record.conn.client, record.conn.server] = True
            return ()
        if not isinstance(record, Flow) or record.conn.proto != TCP:
            return ()
        conn, flags = record.conn, record.server_flags
        known = self._ports.get(conn.server_port) is not None
        if known or flags & (SYN | ACK) != SYN | ACK or not record.client_flags & SYN:
            return ()
        internal = conn.direction is Direction.INTERNAL and self._settings.internal
        if conn.direction is not Direction.INBOUND and not internal:
            return ()
        if conn.server_port >= 1024 and (conn.client, conn.server) in self._ftp:
            return ()
        self._ports[conn.server_port] = True
        self._started = self._started or record.begin
        learning = record.last - self._started < self._settings.learning_hours * HOUR
        if learning or conn.server_port in self._quiet:
            return ()
        return (self._found(record),)

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Begin to learn."""
        self._started = self._started or now
        return ()

    def evicted(self) -> int:
        """Return how many ports and pairs were forgotten for want of room."""
        return self._ports.evicted + self._ftp.evicted

    def save(self) -> bytes:
        """Return what was learned."""
        ports = [port for port, _ in self._ports.items()]
        return msgspec.msgpack.encode(_Memory(_VERSION, self._started, ports))

    def restore(self, data: bytes) -> None:
        """Take what `save` gave.

        Raises:
            ValueError: it is none of ours, or of another version.
        """
        memory = recall(data, _Memory, _VERSION, "listeners")
        self._started = memory.started
        for port in memory.ports:
            self._ports[port] = True

    def _found(self, flow: Flow) -> Finding:
        conn = flow.conn
        outside = not self._places.inside(conn.client)
        worse = outside or conn.server_port in _NOTORIOUS
        return Finding(
            rule="listener.new",
            at=flow.last,
            begin=flow.begin,
            severity="high" if worse else "medium",
            technique="T1571",
            source=conn.client,
            destination=conn.server,
            port=conn.server_port,
            direction=conn.direction,
            entity=f"{written(conn.server)}:{conn.server_port}",
            count=1,
            score=1.0,
            numbers={
                "known_ports": float(len(self._ports) - 1),
                "bytes_in": float(flow.client_bytes),
                "bytes_out": float(flow.server_bytes),
            },
            conn=conn,
            process=flow.process,
        )
