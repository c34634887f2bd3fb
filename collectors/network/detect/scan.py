"""Port scans and sweeps.

* Counts of failed connections as Zeek's scan policy has them: different ports of one host, or
  different hosts on one port, in a window.
* Threshold random walk (Jung, Paxson, Berger, Balakrishnan: Fast Portscan Detection Using
  Sequential Hypothesis Testing, 2004) for each source from elsewhere: each first contact with a
  (host, port) multiplies the likelihood ratio. With the usual values four failures decide. The walk
  of a source begins with its first failure, so honest visitors cost nothing. Its verdict waits for
  one window: when a count decides meanwhile, that is told instead. Only for those who come to us:
  of others' conversations too little is seen.
* Probes that no honest stack sends (nmap -sF, -sN, -sX, SYN-FIN): flags of the client without ACK.

Scans from outside are everyday and low; a scanner inside is medium; our own host scanning is high.
MITRE ATT&CK T1595 from outside, T1046 else.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from collectors.network.detect.lru import Table
from collectors.network.detect.outcome import failed
from collectors.network.detect.places import Places, written
from collectors.network.detect.settings import ScanSettings
from collectors.network.model import (
    ACK,
    FIN,
    HOUR,
    RST,
    SECOND,
    SYN,
    TCP,
    Direction,
    Finding,
    Flow,
    Seen,
    State,
)

_MOST_CONTACTS = 16


class _Window:
    """Different things in the last seconds; never more than the limit that decides."""

    __slots__ = ("begin", "seen", "total")

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self.seen: dict[object, int] = {}
        self.total = 0

    def full(self, thing: object, at: int, limit: int, span: int) -> bool:
        """Add *thing*; tell whether *limit* different ones were seen within *span*."""
        self.seen[thing] = at
        self.total += 1
        if len(self.seen) < limit:
            return False
        self.seen = {one: when for one, when in self.seen.items() if abs(at - when) <= span}
        if len(self.seen) < limit:
            self.begin = min(self.seen.values())
            return False
        return True


class _Walk:
    """One source's likelihood ratio, and the contacts it was made of."""

    __slots__ = ("begin", "decided", "failures", "flow", "ratio", "seen")

    def __init__(self, flow: Flow) -> None:
        self.begin = flow.begin
        self.ratio = 1.0
        self.failures = 0
        self.decided = 0
        self.flow = flow
        self.seen: dict[int, int] = {}
        """Hash of host and port: the port."""


class Scan:
    """Looks for scans in ended conversations."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Flow,)

    def __init__(self, settings: ScanSettings, places: Places) -> None:
        self._settings = settings
        self._places = places
        self._own_scanners = Places(settings.quiet, private=False) if settings.quiet else None
        self._span = settings.window * SECOND
        size = settings.sources
        self._ports: Table[tuple[bytes, bytes, int], _Window] = Table(size)
        self._hosts: Table[tuple[bytes, int, int], _Window] = Table(size)
        self._stealth: Table[bytes, _Window] = Table(size)
        self._walks: Table[bytes, _Walk] = Table(size)
        self._counts: Table[bytes, int] = Table(size)
        self._decided: dict[bytes, _Walk] = {}
        self._failure = (1 - settings.trw_scanner) / (1 - settings.trw_benign)
        self._success = settings.trw_scanner / settings.trw_benign
        self._scanner = settings.trw_found / settings.trw_false
        self._honest = (1 - settings.trw_found) / (1 - settings.trw_false)

    def see(self, record: Seen) -> tuple[Finding, ...]:
        """Take a flow."""
        if not isinstance(record, Flow):
            return ()
        conn = record.conn
        if conn.proto == TCP and not record.client_flags & ACK and _crafted(record):
            return self._probed(record)
        outcome = failed(record)
        if outcome is None:
            return ()
        if outcome is False:
            if conn.client in self._walks:
                self._step(record, failure=False)
            return ()
        if self._is_quiet(conn.client):
            return ()
        found = self._counted(record)
        if found:
            self._counts[conn.client] = record.begin
            self._walks.pop(conn.client)
        elif conn.direction is Direction.INBOUND:
            told = self._counts.get(conn.client)
            if told is None or abs(record.begin - told) > HOUR:
                self._step(record, failure=True)
        return found

    def tick(self, now: int) -> list[Finding]:
        """Tell the walks that decided and that no count has overtaken."""
        found = []
        for source, walk in list(self._decided.items()):
            if abs(now - walk.decided) >= self._span:
                del self._decided[source]
                if self._walks.pop(source) is not walk:
                    continue  # overtaken by a count, or forgotten
                found.append(
                    self._finding(
                        "scan.trw",
                        walk.flow,
                        walk.begin,
                        count=walk.failures,
                        score=1 - 1 / max(walk.ratio, 1.0),
                        numbers={
                            "failed_first_contacts": float(walk.failures),
                            "likelihood_ratio": min(walk.ratio, 1e9),
                        },
                        texts=tuple(sorted({f"{port}" for port in walk.seen.values()}))[:8],
                    )
                )
        return found

    def evicted(self) -> int:
        """Return how many sources were forgotten for want of room."""
        tables = (self._ports, self._hosts, self._stealth, self._walks)
        return sum(table.evicted for table in tables)

    def _is_quiet(self, source: bytes) -> bool:
        return self._own_scanners is not None and self._own_scanners.inside(source)

    def _counted(self, flow: Flow) -> tuple[Finding, ...]:
        conn, limits = flow.conn, self._settings
        key = (conn.client, conn.server, conn.proto)
        window = self._ports.get(key)
        if window is None:
            window = self._ports[key] = _Window(flow.begin)
        if window.full(conn.server_port, flow.begin, limits.ports, self._span):
            self._ports.pop(key)
            return (self._of_window("scan.vertical", flow, window, "ports"),)
        sweep = (conn.client, conn.server_port, conn.proto)
        window = self._hosts.get(sweep)
        if window is None:
            window = self._hosts[sweep] = _Window(flow.begin)
        if window.full(conn.server, flow.begin, limits.hosts, self._span):
            self._hosts.pop(sweep)
            return (self._of_window("scan.horizontal", flow, window, "hosts"),)
        return ()

    def _probed(self, flow: Flow) -> tuple[Finding, ...]:
        conn = flow.conn
        if self._is_quiet(conn.client):
            return ()
        window = self._stealth.get(conn.client)
        if window is None:
            window = self._stealth[conn.client] = _Window(flow.begin)
        thing = (conn.server, conn.server_port)
        if not window.full(thing, flow.begin, self._settings.stealth, self._span):
            return ()
        self._stealth.pop(conn.client)
        return (self._of_window("scan.stealth", flow, window, "probes"),)

    def _step(self, flow: Flow, *, failure: bool) -> None:
        conn = flow.conn
        walk = self._walks.get(conn.client)
        if walk is None:
            walk = self._walks[conn.client] = _Walk(flow)
        contact = hash((conn.server, conn.server_port))
        if contact in walk.seen or len(walk.seen) >= _MOST_CONTACTS:
            return
        walk.seen[contact] = conn.server_port
        walk.failures += failure
        if walk.decided:
            return
        walk.ratio *= self._failure if failure else self._success
        if walk.ratio >= self._scanner:
            walk.decided = flow.last
            walk.flow = flow
            if len(self._decided) < self._settings.sources:
                self._decided[conn.client] = walk
        elif walk.ratio <= self._honest:
            self._walks.pop(conn.client)

    def _of_window(self, rule: str, flow: Flow, window: _Window, what: str) -> Finding:
        first = sorted(str(thing) for thing in window.seen if isinstance(thing, int))
        seconds = max(0.001, (flow.begin - window.begin) / SECOND)
        return self._finding(
            rule,
            flow,
            window.begin,
            count=window.total,
            score=1.0,
            numbers={f"different_{what}": float(len(window.seen)), "seconds": seconds},
            texts=tuple(first[:8]),
        )

    def _finding(
        self,
        rule: str,
        flow: Flow,
        begin: int,
        *,
        count: int,
        score: float,
        numbers: dict[str, float],
        texts: tuple[str, ...],
    ) -> Finding:
        conn = flow.conn
        ours = conn.direction is Direction.OUTBOUND
        inside = ours or self._places.inside(conn.client)
        return Finding(
            rule=rule,
            at=flow.last,
            begin=begin,
            severity="high" if ours else "medium" if inside else "low",
            technique="T1046" if inside else "T1595",
            source=conn.client,
            destination=b"" if rule == "scan.horizontal" else conn.server,
            port=conn.server_port if rule == "scan.horizontal" else 0,
            direction=conn.direction,
            entity=written(conn.client),
            count=count,
            score=score,
            numbers=numbers,
            texts=texts,
            process=flow.process,
        )


def _crafted(flow: Flow) -> bool:
    """Tell whether packets without ACK fit no connection: FIN, NULL, XMAS, SYN and FIN alone."""
    flags = flow.client_flags
    if not flow.client_packets:
        return False
    if flow.state is State.SH:
        return True
    return flags & (SYN | RST) == 0 or flags & (SYN | FIN) == SYN | FIN
