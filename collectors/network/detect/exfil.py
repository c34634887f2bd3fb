"""Unusual amounts that leave this host.

* To a peer outside that was never seen before: more than a fixed amount in an hour, or in its first
  day (the slow way).
* To a known peer: a robust z-score of the bytes of this hour against its own hours; where it has
  few, against what all peers together got in this hour of the week.
* To a visitor: against the largest download of each of the last hours.

Only uploads count: bytes out are a multiple of bytes in. Peers are registered domains where a name
is known, else addresses. Nothing is told while it learns. What was learned is kept over restarts;
peers stand in it as hashes.
MITRE ATT&CK T1048, T1567.
"""

from __future__ import annotations

import functools
import hashlib
from array import array
from typing import ClassVar

import msgspec

from collectors.network.detect.baseline import HourOfWeek, robust_z
from collectors.network.detect.domains import registered
from collectors.network.detect.lru import Table
from collectors.network.detect.names import Names
from collectors.network.detect.places import Places, written
from collectors.network.detect.remembered import Memory, recall
from collectors.network.detect.settings import ExfilSettings
from collectors.network.model import HOUR, Direction, Finding, Flow, Seen

_VERSION = 1
_HISTORY = 48
_ENOUGH = 5
_MOST_SAVED = 4000


class _Memory(Memory, array_like=True):
    started: int
    peers: list[tuple[int, int, list[float]]]
    slots: list[list[float]]
    maxima: list[float]


class _Peer:
    __slots__ = ("day", "day_out", "first", "history", "hour", "into", "out", "told")

    def __init__(self, first: int) -> None:
        self.first = first
        self.hour = self.day = self.told = -1
        self.out = self.into = self.day_out = 0
        self.history = array("d")

    def turn(self, at: int) -> None:
        """Begin a new hour, and a new day, if it is time."""
        hour = at // HOUR
        if hour == self.hour:
            return
        if self.hour >= 0 and self.out:
            self.history.append(float(self.out))
            del self.history[:-_HISTORY]
        self.hour, self.out, self.into = hour, 0, 0
        if hour // 24 != self.day:
            self.day, self.day_out = hour // 24, 0


@functools.lru_cache(maxsize=8192)
def peer_key(name: str) -> int:
    """Return a number for *name* that is the same after a restart."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


class Exfil:
    """Looks for unusual amounts."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Flow,)

    def __init__(self, settings: ExfilSettings, places: Places, names: Names) -> None:
        self._settings = settings
        self._places = places
        self._names = names
        self._peers: Table[int, _Peer] = Table(settings.peers)
        self._visitors: Table[bytes, _Peer] = Table(settings.peers)
        self._week = HourOfWeek()
        self._maxima: list[float] = []
        self._started = 0
        self._hour = -1
        self._total = 0.0
        self._largest = 0.0

    def see(self, record: Seen) -> tuple[Finding, ...]:
        """Take a flow."""
        if not isinstance(record, Flow):
            return ()
        conn = record.conn
        if conn.direction is Direction.OUTBOUND:
            if record.client_bytes and not self._places.inside(conn.server):
                return self._upload(record)
        elif (
            record.server_bytes > 4096
            and conn.direction is Direction.INBOUND
            and not self._places.inside(conn.client)
        ):
            return self._download(record)
        return ()

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Close the hour when it is over."""
        self._started = self._started or now
        hour = now // HOUR
        if hour == self._hour:
            return ()
        if self._hour >= 0:
            self._week.add(self._hour * HOUR, self._total)
            self._maxima.append(self._largest)
            del self._maxima[:-168]
        self._hour, self._total, self._largest = hour, 0.0, 0.0
        return ()

    def evicted(self) -> int:
        """Return how many peers were forgotten for want of room."""
        return self._peers.evicted + self._visitors.evicted

    def save(self) -> bytes:
        """Return what was learned, the newest peers first to stay."""
        peers = [(key, one.first, list(one.history)) for key, one in self._peers.items()]
        memory = _Memory(
            _VERSION, self._started, peers[-_MOST_SAVED:], self._week.slots(), self._maxima
        )
        return msgspec.msgpack.encode(memory)

    def restore(self, data: bytes) -> None:
        """Take what `save` gave.

        Raises:
            ValueError: it is none of ours, or of another version.
        """
        memory = recall(data, _Memory, _VERSION, "baseline")
        self._week = HourOfWeek(memory.slots)
        self._started = memory.started
        self._maxima = memory.maxima[-168:]
        for key, first, history in memory.peers[-_MOST_SAVED:]:
            peer = self._peers[key] = _Peer(first)
            peer.history.extend(history[-_HISTORY:])

    def _upload(self, flow: Flow) -> tuple[Finding, ...]:
        conn, limits, at = flow.conn, self._settings, flow.last
        name = self._names.of(conn)
        name = registered(name) if name else written(conn.server)
        key = peer_key(name)
        peer = self._peers.get(key)
        if peer is None:
            peer = self._peers[key] = _Peer(at)
        peer.turn(at)
        peer.out += flow.client_bytes
        peer.into += flow.server_bytes
        self._total += flow.client_bytes
        upload = flow.client_bytes > limits.ratio * flow.server_bytes
        peer.day_out += flow.client_bytes if upload else 0
        if peer.out < limits.least_bytes and peer.day_out < limits.day_bytes:
            return ()
        return self._judge(flow, name, peer)

    def _judge(self, flow: Flow, name: str, peer: _Peer) -> tuple[Finding, ...]:
        limits, at = self._settings, flow.last
        if not self._started or at - self._started < limits.learning_hours * HOUR:
            return ()
        if peer.told == peer.hour:
            return ()
        upload = peer.out >= limits.ratio * peer.into
        if at - peer.first < limits.first_seen_hours * HOUR:
            if upload and peer.out >= limits.first_seen_bytes:
                return self._found("exfil.first_seen", "high", flow, name, peer, {})
            if peer.day_out >= limits.day_bytes:
                return self._found("exfil.slow", "high", flow, name, peer, {})
            return ()
        if not upload or peer.out < limits.least_bytes:
            return ()
        usual = list(peer.history)
        if len(usual) < _ENOUGH:
            usual = self._week.usual(at)
        z = robust_z(peer.out, usual)
        if z < limits.z:
            return ()
        return self._found("exfil.volume", "medium", flow, name, peer, {"z": min(z, 1e6)})

    def _download(self, flow: Flow) -> tuple[Finding, ...]:
        conn, limits, at = flow.conn, self._settings, flow.last
        visitor = self._visitors.get(conn.client)
        if visitor is None:
            visitor = self._visitors[conn.client] = _Peer(at)
        if visitor.hour != at // HOUR:
            visitor.turn(at)
            del visitor.history[:]
        visitor.out += flow.server_bytes
        visitor.into += flow.client_bytes
        self._largest = max(self._largest, float(visitor.out))
        if visitor.out < limits.download_bytes or visitor.told == visitor.hour:
            return ()
        if not self._started or at - self._started < limits.learning_hours * HOUR:
            return ()
        z = robust_z(visitor.out, self._maxima)
        if z < limits.z:
            return ()
        name = written(conn.client)
        return self._found("exfil.download", "medium", flow, name, visitor, {"z": min(z, 1e6)})

    def _found(  # noqa: PLR0917
        self,
        rule: str,
        severity: str,
        flow: Flow,
        name: str,
        peer: _Peer,
        more: dict[str, float],
    ) -> tuple[Finding, ...]:
        conn = flow.conn
        peer.told = peer.hour
        outward = conn.direction is Direction.OUTBOUND
        return (
            Finding(
                rule=rule,
                at=flow.last,
                begin=min(max(peer.first, flow.last // HOUR * HOUR), flow.last),
                severity=severity,
                technique="T1048" if outward else "T1567",
                source=conn.client if outward else conn.server,
                destination=conn.server if outward else conn.client,
                port=conn.server_port,
                direction=conn.direction,
                entity=name,
                count=1,
                score=1.0,
                numbers={
                    "bytes_out_this_hour": float(peer.out),
                    "bytes_in_this_hour": float(peer.into),
                    "bytes_out_today": float(peer.day_out),
                    "known_for_hours": (flow.last - peer.first) / HOUR,
                    **more,
                },
                texts=(name,),
                conn=conn,
                process=flow.process,
            ),
        )
