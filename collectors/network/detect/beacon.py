"""Regular calls to one peer: an implant asks its master for work.

Scores of `beacon_score` for each (client, name in the handshake or address, port) that our host
calls. Names come from TLS or HTTP, so a front behind many addresses is one peer (RITA's SNI
beacons); without them it is the address. Clocks, resolvers, mirrors and monitoring are listed in
the settings and stay quiet, as do peers with private addresses unless told otherwise. How rare a
peer is among all hosts, which RITA weighs as well, is known at the collector only.

Calls that keep to one second of the minute over hours are started by cron or a timer: a program
that sleeps between its calls drifts, for each call takes its time. That is at most medium, and told
as ``schedule_minutes`` and in the texts; never quiet, for implants are kept alive by cron, too
(T1053.003).

State: the last 512 calls of a pair as seconds and bytes, 8 KB; the last 24 hours of them count.
MITRE ATT&CK T1071.
"""

from __future__ import annotations

import itertools
import math
import re
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import ClassVar

import msgspec

from collectors.network.detect.beacon_score import median, scores
from collectors.network.detect.domains import below
from collectors.network.detect.lru import Table
from collectors.network.detect.names import Names
from collectors.network.detect.outcome import failed
from collectors.network.detect.places import Places, written
from collectors.network.detect.settings import BeaconSettings
from collectors.network.model import SECOND, Conn, Direction, Finding, Flow, Seen

_MOST = 512
_AGAIN = 1800 * SECOND
_LOOK = 600 * SECOND
_DAY = 86_400.0
_PUNCTUAL, _WITHIN = 0.9, 2.0
"""Share of the calls that keep to the schedule, and how many seconds late."""
_NETWORK = re.compile(r"[0-9.]+(/\d+)?|[0-9a-f:]*:[0-9a-f:]*(/\d+)?")


def schedule(times: Sequence[float]) -> int:
    """Return the whole minutes between calls that cron or a timer starts, 0 for any others."""
    gap = median([after - before for before, after in itertools.pairwise(times)])
    minutes = round(gap / 60)
    if minutes < 1 or abs(gap - 60 * minutes) > _WITHIN:
        return 0
    seconds = sorted(time % 60 for time in times)
    needed = math.ceil(_PUNCTUAL * len(seconds))
    # The narrowest part of the minute, across its end, too, that holds so many.
    around = [*seconds, *(one + 60 for one in seconds)]
    narrow = min(around[n + needed - 1] - around[n] for n in range(len(seconds)))
    return minutes if narrow <= _WITHIN else 0


class _Pair:
    __slots__ = ("conn", "due", "process", "sizes", "times")

    def __init__(self, conn: Conn) -> None:
        self.conn = conn
        self.times = array("d")
        self.sizes = array("d")
        self.due = 0
        self.process = ""


class Beacon:
    """Looks for regular calls in our own conversations."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Flow,)

    def __init__(self, settings: BeaconSettings, places: Places, names: Names) -> None:
        self._settings = settings
        self._places = places
        self._names = names
        self._ports = frozenset(settings.quiet_ports)
        nets = [text for text in settings.quiet_peers if _NETWORK.fullmatch(text)]
        self._quiet_nets = Places(nets, private=False)
        self._quiet_names = frozenset(settings.quiet_peers) - frozenset(nets)
        self._pairs: Table[tuple[bytes, str, int], _Pair] = Table(settings.pairs)
        self._looked = 0

    def see(self, record: Seen) -> tuple[Finding, ...]:
        """Take a flow."""
        if not isinstance(record, Flow):
            return ()
        conn = record.conn
        if conn.direction is not Direction.OUTBOUND or conn.server_port in self._ports:
            return ()
        if not self._settings.inside and self._places.inside(conn.server):
            return ()
        if failed(record) is None or self._quiet_nets.inside(conn.server):
            return ()
        name = self._names.of(conn)
        if name and below(name, self._quiet_names):
            return ()
        key = (conn.client, name or written(conn.server), conn.server_port)
        pair = self._pairs.get(key)
        if pair is None:
            pair = self._pairs[key] = _Pair(conn)
        pair.times.append(record.begin / SECOND)
        pair.sizes.append(float(record.client_bytes))
        pair.process = record.process or pair.process
        if len(pair.times) > _MOST:
            del pair.times[0], pair.sizes[0]
        return ()

    def tick(self, now: int) -> list[Finding]:
        """Judge the pairs whose turn it is: each twice an hour."""
        if self._looked <= now < self._looked + _LOOK:
            return []
        self._looked = now
        found = []
        for key, pair in self._pairs.items():
            if len(pair.times) < self._settings.connections:
                continue
            if pair.due - 2 * _AGAIN <= now < pair.due:
                continue
            pair.due = now + _AGAIN
            found += self._judge(key, pair, now)
        return found

    def evicted(self) -> int:
        """Return how many pairs were forgotten for want of room."""
        return self._pairs.evicted

    def _judge(self, key: tuple[bytes, str, int], pair: _Pair, now: int) -> list[Finding]:
        limits = self._settings
        ordered = sorted(zip(pair.times, pair.sizes, strict=True))
        # The scores are meant for a day: what is done once a night, in one go, is no beacon.
        since = bisect_left(ordered, (ordered[-1][0] - _DAY, 0.0))
        if len(ordered) - since < limits.connections:
            return []
        times, sizes = zip(*ordered[since:], strict=True)
        span = times[-1] - times[0]
        gaps = [after - before for before, after in itertools.pairwise(times)]
        middle = median(gaps)
        # A beacon that stopped long ago was told when it ran.
        if span < limits.hours * 3600 or now / SECOND - times[-1] > 4 * max(middle, 3600.0):
            return []
        each = scores(times, sizes)
        if each.total < limits.medium:
            return []
        minutes = schedule(times)
        return [
            Finding(
                rule="beacon",
                at=now,
                begin=int(times[0] * SECOND),
                severity="high" if each.total >= limits.high and not minutes else "medium",
                technique="T1071",
                source=key[0],
                destination=pair.conn.server,
                port=key[2],
                direction=Direction.OUTBOUND,
                entity=f"{key[1]}:{key[2]}",
                count=len(times),
                score=each.total,
                numbers={
                    "interval_seconds": middle,
                    "hours": span / 3600,
                    "score_time": each.time,
                    "score_size": each.size,
                    "score_histogram": each.histogram,
                    "score_duration": each.duration,
                    "bytes_median": median(sizes),
                    "schedule_minutes": minutes,
                },
                texts=(key[1], f"timer, {minutes} min") if minutes else (key[1],),
                conn=pair.conn,
                process=pair.process,
            )
        ]
