"""Guessing of passwords.

* So many failed logins of one source at one service in a window (Zeek's FTP policy: 20 in 15 min).
* SSH, where the outcome is encrypted: connections that went through key exchange and ended small,
  as refused logins do (Zeek's SSH policy: 30 in 30 min; here 20 min,
  for monitoring logs in each minute).
* Spraying: many accounts fail for one source. Spread: one account fails for many sources.
* Guessing from outside is everyday and low, from inside high (medium where only the shape of SSH
  connections tells: monitoring by SSH looks alike), by our own host high.
* A success after the count was reached is what matters most: critical where the protocol shows it,
  high where only the shape of the SSH connection tells.

MITRE ATT&CK T1110.001, T1110.003, T1110.004, T1078.
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar

import msgspec

from collectors.network.detect.lru import Table
from collectors.network.detect.places import Places, written
from collectors.network.detect.settings import BruteSettings
from collectors.network.model import (
    SECOND,
    SYN,
    TCP,
    Conn,
    Direction,
    Finding,
    Flow,
    Login,
    Seen,
    State,
)

_MEMORY = 24 * 3600 * SECOND


class _Source:
    """Failures of one source at one service."""

    __slots__ = ("reached", "times", "total", "users")

    def __init__(self, limit: int) -> None:
        self.times: deque[int] = deque(maxlen=limit)
        self.total = 0
        self.reached = 0
        self.users: set[str] = set()

    def full(self, at: int, span: int) -> bool:
        """Add a failure; tell whether as many as fit came within *span*."""
        self.times.append(at)
        self.total += 1
        return len(self.times) == self.times.maxlen and abs(at - self.times[0]) <= span


class _Different:
    """Different things within a span, at most *limit*."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        self.seen: dict[object, int] = {}

    def full(self, thing: object, at: int, limit: int, span: int) -> bool:
        self.seen[thing] = at
        if len(self.seen) < limit:
            return False
        self.seen = {one: when for one, when in self.seen.items() if abs(at - when) <= span}
        return len(self.seen) >= limit


class Brute:
    """Looks for guessing in logins and, for SSH, in conversations."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Login, Flow)

    def __init__(self, settings: BruteSettings, places: Places) -> None:
        self._settings = settings
        self._places = places
        self._own = Places(settings.quiet, private=False) if settings.quiet else None
        size = settings.sources
        self._sources: Table[tuple[bytes, bytes, str], _Source] = Table(size)
        self._accounts: Table[bytes, _Different] = Table(size)
        self._spread: Table[tuple[bytes, str, str], _Different] = Table(size)
        self._judged: Table[int, bool] = Table(size)

    def see(self, record: Seen) -> list[Finding] | tuple[Finding, ...]:
        """Take a login or a flow."""
        if isinstance(record, Flow):
            conn = record.conn
            if conn.server_port == 22 and conn.proto == TCP:
                return self._ssh(record)
            return ()
        if not isinstance(record, Login) or not record.outcome:
            return ()
        if record.protocol == "ssh":
            self._judged[record.conn.key] = True
        key = (record.conn.client, record.conn.server, record.protocol)
        if record.outcome == "success":
            return self._succeeded(key, record.conn, record.at, record.user, sure=True)
        if record.outcome != "failure" or self._is_quiet(record.conn.client):
            return ()
        return self._failed(key, record)

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Do nothing: each failure is judged when it comes."""
        del now
        return ()

    def evicted(self) -> int:
        """Return how many sources and accounts were forgotten for want of room."""
        return self._sources.evicted + self._accounts.evicted + self._spread.evicted

    def _failed(self, key: tuple[bytes, bytes, str], login: Login) -> list[Finding]:
        limits, conn, found = self._settings, login.conn, []
        source = self._source(key, limits.failures)
        if login.user and len(source.users) < 64:
            source.users.add(login.user)
        if source.full(login.at, limits.window * SECOND):
            found.append(self._guessing(conn, login.at, source, login.protocol))
        if login.user:
            span = limits.spray_window * SECOND
            accounts = self._accounts.get(conn.client)
            if accounts is None:
                accounts = self._accounts[conn.client] = _Different()
            if accounts.full(login.user, login.at, limits.spray_users, span):
                accounts.seen.clear()
                source.reached = login.at
                found.append(self._spray(login))
            account = (conn.server, login.protocol, login.user)
            sources = self._spread.get(account)
            if sources is None:
                sources = self._spread[account] = _Different()
            if sources.full(conn.client, login.at, limits.spread_sources, span):
                sources.seen.clear()
                found.append(self._distributed(login))
        return found

    def _is_quiet(self, source: bytes) -> bool:
        return self._own is not None and self._own.inside(source)

    def _severity(self, conn: Conn, inside: str) -> str:
        return inside if self._places.inside(conn.client) else "low"

    def _source(self, key: tuple[bytes, bytes, str], limit: int) -> _Source:
        source = self._sources.get(key)
        if source is None:
            source = self._sources[key] = _Source(limit)
        return source

    def _ssh(self, flow: Flow) -> list[Finding] | tuple[Finding, ...]:
        conn, limits = flow.conn, self._settings
        if self._judged.get(conn.key) or flow.state in (State.S0, State.REJ, State.SH):
            return ()
        if flow.client_packets < limits.ssh_least_packets or not flow.client_flags & SYN:
            return ()
        key = (conn.client, conn.server, "ssh")
        if max(flow.client_bytes, flow.server_bytes) > limits.ssh_most_bytes:
            return self._succeeded(key, conn, flow.last, "", sure=False)
        if self._is_quiet(conn.client):
            return ()
        source = self._source(key, limits.ssh_connections)
        if source.full(flow.last, limits.ssh_window * SECOND):
            return (self._guessing(conn, flow.last, source, "ssh"),)
        return ()

    def _guessing(self, conn: Conn, at: int, source: _Source, protocol: str) -> Finding:
        begin = source.times[0]
        source.times.clear()
        source.reached = at
        return self._finding(
            "brute.guessing",
            conn,
            at,
            begin,
            severity=self._severity(conn, "medium" if protocol == "ssh" else "high"),
            technique="T1110.001",
            entity=f"{written(conn.client)} {protocol}",
            count=source.total,
            numbers={
                "failures": float(source.total),
                "seconds": (at - begin) / SECOND,
                "accounts": float(len(source.users)),
            },
            texts=(protocol, *sorted(source.users)[:7]),
        )

    def _spray(self, login: Login) -> Finding:
        return self._finding(
            "brute.spraying",
            login.conn,
            login.at,
            login.at - self._settings.spray_window * SECOND,
            severity=self._severity(login.conn, "high"),
            technique="T1110.003",
            entity=written(login.conn.client),
            count=self._settings.spray_users,
            numbers={"accounts": float(self._settings.spray_users)},
            texts=(login.protocol, login.user),
        )

    def _distributed(self, login: Login) -> Finding:
        return self._finding(
            "brute.distributed",
            login.conn,
            login.at,
            login.at - self._settings.spray_window * SECOND,
            severity=self._severity(login.conn, "medium"),
            technique="T1110.004",
            entity=f"{written(login.conn.server)} {login.protocol} {login.user}",
            count=self._settings.spread_sources,
            numbers={"sources": float(self._settings.spread_sources)},
            texts=(login.protocol, login.user),
        )

    def _succeeded(
        self, key: tuple[bytes, bytes, str], conn: Conn, at: int, user: str, *, sure: bool
    ) -> list[Finding] | tuple[Finding, ...]:
        source = self._sources.get(key)
        if source is None or not source.reached or abs(at - source.reached) > _MEMORY:
            return ()
        begin, source.reached = source.reached, 0
        return (
            self._finding(
                "brute.success",
                conn,
                at,
                begin,
                severity="critical" if sure else "high",
                technique="T1078",
                entity=f"{written(conn.client)} {key[2]}",
                count=source.total,
                numbers={"failures_before": float(source.total)},
                texts=(key[2], user) if user else (key[2],),
            ),
        )

    @staticmethod
    def _finding(
        rule: str,
        conn: Conn,
        at: int,
        begin: int,
        *,
        severity: str,
        technique: str,
        entity: str,
        count: int,
        numbers: dict[str, float],
        texts: tuple[str, ...],
    ) -> Finding:
        if conn.direction is Direction.OUTBOUND:
            severity = "critical" if severity == "critical" else "high"
        return Finding(
            rule=rule,
            at=at,
            begin=begin,
            severity=severity,
            technique=technique,
            source=conn.client,
            destination=conn.server,
            port=conn.server_port,
            direction=conn.direction,
            entity=entity,
            count=count,
            score=1.0,
            numbers=numbers,
            texts=texts,
            conn=conn,
        )
