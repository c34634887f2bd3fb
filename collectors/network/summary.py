"""Flows added up per peer, service and minute before they are shipped.

A web server with a thousand connections in a second would cost the collector a thousand events;
here they become one line for each peer and minute, the largest first, and one for all the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from collectors.kinds import NetworkFlow
from collectors.network import community
from collectors.network.model import ICMP, ICMPV6, MINUTE, TCP, UDP, Conn, Flow
from collectors.network.outward import MODULE, address, name, transport
from collectors.sighting import Sighting

_MOST = 20_000
"""Lines that are gathered in a minute; what has no line is added to the rest at once."""

Key = tuple[bytes, bytes, int, int, str, str, str]


_NO_STATES: dict[str, int] = {}


@lru_cache(None)
def _once(state: str) -> dict[str, int]:
    """Return the states of one flow; most lines have no more, and share them."""
    return {state: 1}


class _Line:
    """What one peer and service did."""

    __slots__ = (
        *("answered", "answered_packets", "begin", "conn", "count", "end", "peers", "process"),
        *("sent", "sent_packets", "states", "user"),
    )

    def __init__(self, flow: Flow) -> None:
        self.conn: Conn = flow.conn
        self.process, self.user = flow.process, flow.user
        self.begin, self.end = flow.begin, flow.last
        self.count = 0
        self.peers = 1
        self.sent = self.sent_packets = self.answered = self.answered_packets = 0
        self.states = _NO_STATES

    def add(self, flow: Flow) -> None:
        self.begin = min(self.begin, flow.begin)
        self.end = max(self.end, flow.last)
        state = flow.state.value
        if not self.count:
            self.states = _once(state)
        else:
            self._own_states()
            self.states[state] = self.states.get(state, 0) + 1
        self.count += 1
        self.sent += flow.client_bytes
        self.sent_packets += flow.client_packets
        self.answered += flow.server_bytes
        self.answered_packets += flow.server_packets

    def merge(self, other: _Line) -> None:
        self.begin = min(self.begin, other.begin)
        self.end = max(self.end, other.end)
        self._own_states()
        self.count += other.count
        self.peers += other.peers
        self.sent += other.sent
        self.sent_packets += other.sent_packets
        self.answered += other.answered
        self.answered_packets += other.answered_packets
        for state, number in other.states.items():
            self.states[state] = self.states.get(state, 0) + number

    def _own_states(self) -> None:
        """Have what is shared as long as there is one flow be of one's own."""
        if self.count == 1:
            self.states = dict(self.states)

    @property
    def bytes(self) -> int:
        return self.sent + self.answered

    def record(self) -> NetworkFlow:
        conn, alone = self.conn, self.peers == 1
        single = alone and self.count == 1
        return NetworkFlow(
            begin=self.begin,
            end=self.end,
            transport=transport(conn.proto),
            direction=conn.direction.value,
            source=address(conn.client) if alone else None,
            destination=address(conn.server) if alone else None,
            source_port=conn.client_port if single and conn.proto in (TCP, UDP) else None,
            port=_port(conn) if alone else 0,
            count=self.count,
            peers=self.peers,
            sent=self.sent,
            sent_packets=self.sent_packets,
            answered=self.answered,
            answered_packets=self.answered_packets,
            states=self.states,
            vlan=conn.vlan or None,
            interface=conn.interface or None,
            process=name(self.process) if alone else None,
            user=name(self.user) if alone else None,
            community=community.of(conn) if single else None,
        )


def _port(conn: Conn) -> int:
    """Return the port of the service, 0 for what has none: of ICMP it is the code."""
    return 0 if conn.proto in (ICMP, ICMPV6) else conn.server_port


class FlowSummary:
    """Gathers flows; gives one record for each line when its minute is over."""

    def __init__(self, lines: int = 200) -> None:
        """*lines*: how many peers get a line of their own in a minute."""
        self._most = lines
        self._lines: dict[Key, _Line] = {}
        self._rest: dict[tuple[str, int], _Line] = {}
        self._until = 0
        self.merged = 0
        """Lines that were added to the rest since the start."""

    def see(self, flow: Flow) -> None:
        """Take one flow."""
        conn = flow.conn
        key = (
            conn.client,
            conn.server,
            _port(conn),
            conn.proto,
            conn.direction.value,
            flow.process,
            flow.user,
        )
        line = self._lines.get(key)
        if line is None:
            line = _Line(flow)
            if len(self._lines) >= _MOST:
                line.add(flow)
                self._to_rest(line)
                return
            self._lines[key] = line
        line.add(flow)

    def _to_rest(self, line: _Line) -> None:
        self.merged += 1
        key = (line.conn.direction.value, line.conn.proto)
        rest = self._rest.get(key)
        if rest is None:
            self._rest[key] = line
        else:
            rest.merge(line)

    def flush(self, now: int, *, last: bool = False) -> Iterable[Sighting]:
        """Return what the minute before *now* amounted to; nothing while it lasts."""
        # A clock that was set back must not make it silent until the old time is reached again.
        if not last and self._until - MINUTE <= now < self._until:
            return ()
        self._until = now - now % MINUTE + MINUTE
        lines = sorted(self._lines.values(), key=lambda line: -line.bytes)
        for line in lines[self._most :]:
            self._to_rest(line)
        told = [*lines[: self._most], *self._rest.values()]
        self._lines, self._rest = {}, {}
        return [Sighting(record=one.record(), observed=one.end, module=MODULE) for one in told]
