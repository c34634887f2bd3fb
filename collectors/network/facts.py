"""Names, versions and certificates seen on the wire, told once an hour for the same fact.

A fact is what stays the same from one connection to the next: this program speaks TLS 1.3 with that
name, this site answers here, that name is asked for. A new fact is told within the minute; after
that it is counted, and told again with its count when an hour has passed. So a busy server costs
the collector a few lines, and what is new is seen at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeAlias

import msgspec

from collectors.kinds import NetworkService
from collectors.network.model import (
    HOUR,
    MINUTE,
    Banner,
    Conn,
    Direction,
    Dns,
    Http,
    Login,
    Seen,
    Tls,
)
from collectors.network.outward import MODULE, address, name, said
from collectors.sighting import Sighting

_MOST = 8192
_MOST_NEW = 200
"""New facts of one kind that are told in a minute; others wait, and the oldest give way, counted:
whoever asks under a thousand names a second fills no collector."""
_FIRST = 4
"""Names of one registered domain that are told as they are; more are told as the domain."""
_RESOLVED = 8
_TYPES = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    10: "NULL",
    12: "PTR",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
    64: "SVCB",
    65: "HTTPS",
    255: "ANY",
}
_Told: TypeAlias = Tls | Dns | Http | Login | Banner
_CODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")


class _Fact:
    """One fact, and what varies in it."""

    __slots__ = (
        *("agent", "answered", "begin", "cleartext", "conn", "count", "end", "first", "logins"),
        *("methods", "moved", "process", "resolved", "sent", "server", "statuses", "told"),
    )

    def __init__(self, first: _Told, conn: Conn, at: int) -> None:
        self.first = first
        self.conn = conn
        self.begin = self.end = at
        self.told = 0
        """When it was told last; 0: never."""
        self.process = ""
        self._clear()

    def _clear(self) -> None:
        self.count = 0
        self.moved = self.server = False
        self.methods: set[str] = set()
        self.statuses: dict[str, int] = {}
        self.logins: dict[str, int] = {}
        self.resolved: dict[str, None] = {}
        self.sent = self.answered = 0
        self.cleartext = False
        self.agent = ""

    def again(self, at: int) -> None:
        """Begin to count anew."""
        self.begin = self.end = at
        self._clear()


class Facts:
    """Gathers facts; gives those that are new or due."""

    def __init__(
        self, registered: Callable[[str], str] | None = None, *, domains_only: bool = False
    ) -> None:
        """*registered* gives the registered domain of a name."""
        self._registered = registered or _last_two
        self._domains_only = domains_only
        self._facts: dict[Hashable, _Fact] = {}
        self._names: dict[str, set[str]] = {}
        self._until = 0
        self.evicted = 0
        """Facts that were forgotten for want of room, since the start."""

    def see(self, record: Seen, process: str = "") -> None:
        """Take one record; those that are no facts are passed over."""
        if isinstance(record, Tls):
            self._tls(record, process)
        elif isinstance(record, Dns):
            self._dns(record, process)
        elif isinstance(record, Http):
            self._http(record, process)
        elif isinstance(record, Login):
            self._login(record)
        elif isinstance(record, Banner) and not record.from_client:
            self._fact((Banner, _service(record.conn), record.protocol, record.text), record, "")

    def _fact(
        self, key: Hashable, record: Tls | Dns | Http | Login | Banner, process: str
    ) -> _Fact:
        fact = self._facts.get(key)
        if fact is None:
            if len(self._facts) >= _MOST:
                self._facts.pop(next(iter(self._facts)))
                self.evicted += 1
            fact = self._facts[key] = _Fact(record, record.conn, record.at)
        elif not fact.count:
            fact.again(record.at)
        fact.count += 1
        fact.end = max(fact.end, record.at)
        fact.process = fact.process or process
        fact.moved = fact.moved or record.conn.client != fact.conn.client
        fact.server = fact.server or record.conn.server != fact.conn.server
        return fact

    def _shown(self, text: str) -> str:
        return self._registered(text) if self._domains_only and text else text

    def _asked(self, text: str) -> str:
        """Return a name that was asked for, or its domain where there are many of it."""
        domain = self._registered(text)
        if self._domains_only:
            return domain
        names = self._names.setdefault(domain, set())
        if text in names:
            return text
        if len(names) >= _FIRST:
            return domain
        if len(self._names) > _MOST:
            self._names.clear()
            return domain
        names.add(text)
        return text

    def _tls(self, one: Tls, process: str) -> None:
        sni = self._shown(one.sni)
        one = msgspec.structs.replace(one, sni=sni)
        where = (one.conn.direction, sni, one.conn.server_port) if sni else _service(one.conn)
        # One client after the other with a print of its own: those of visitors are not told.
        client = ("", "") if one.conn.direction is Direction.INBOUND else (one.ja3, one.ja4)
        key = (Tls, where, one.version, one.quic, one.certificate_sha256, client)
        self._fact(key, one, process)

    def _dns(self, one: Dns, process: str) -> None:
        one = msgspec.structs.replace(one, name=self._asked(one.name))
        code = one.rcode if one.answered else -1
        fact = self._fact((Dns, one.conn.direction, one.name, one.type, code), one, process)
        for text in one.answers:
            if len(fact.resolved) < _RESOLVED and (":" in text or text[-1:].isdigit()):
                fact.resolved[text] = None

    def _http(self, one: Http, process: str) -> None:
        host = one.host.lower()
        inbound = one.conn.direction is Direction.INBOUND
        where = (one.conn.direction, host, one.conn.server_port) if host else _service(one.conn)
        fact = self._fact((Http, where, "" if inbound else one.user_agent), one, process)
        status = f"{one.status // 100}xx" if 100 <= one.status < 600 else "none"
        fact.statuses[status] = fact.statuses.get(status, 0) + 1
        if len(fact.methods) < 8:
            fact.methods.add(one.method)
        fact.sent += one.request_bytes
        fact.answered += one.response_bytes
        fact.agent = fact.agent or one.user_agent

    def _login(self, one: Login) -> None:
        fact = self._fact((Login, _service(one.conn), one.protocol), one, "")
        outcome = one.outcome or "unknown"
        fact.logins[outcome] = fact.logins.get(outcome, 0) + 1
        fact.cleartext = fact.cleartext or one.cleartext

    def flush(self, now: int, *, last: bool = False) -> Iterable[Sighting]:
        """Return the facts that are new or due, once a minute."""
        # A clock that was set back must not make it silent until the old time is reached again.
        if not last and self._until - MINUTE <= now < self._until:
            return ()
        self._until = now + MINUTE
        told = []
        room: dict[type, int] = {}
        for key, fact in list(self._facts.items()):
            age = abs(now - fact.told)
            if not fact.count and age > 24 * HOUR:
                del self._facts[key]  # nobody speaks of it any more
            elif fact.count and (last or not fact.told or age >= HOUR):
                kind = type(fact.first)
                left = room.get(kind, _MOST_NEW)
                if not left:
                    continue
                room[kind] = left - 1
                record = _record(fact)
                told.append(Sighting(record=record, observed=fact.end, module=MODULE))
                fact.told = now
                fact.count = 0
        if now % (24 * HOUR) < MINUTE:
            self._names.clear()
        return told


def _last_two(text: str) -> str:
    return ".".join(text.rstrip(".").lower().split(".")[-2:])


def _service(conn: Conn) -> tuple[bytes, int, Direction]:
    return (conn.server, conn.server_port, conn.direction)


def _record(fact: _Fact) -> NetworkService:
    conn, first = fact.conn, fact.first
    record = NetworkService(
        protocol="",
        begin=fact.begin,
        end=fact.end,
        count=fact.count,
        direction=conn.direction.value,
        source=None if fact.moved else address(conn.client),
        destination=None if fact.server else address(conn.server),
        port=conn.server_port,
        process=name(fact.process),
    )
    return msgspec.structs.replace(record, **_fields(fact, first))


def _fields(fact: _Fact, first: _Told) -> dict[str, object]:
    """Return what is peculiar to the protocol."""
    if isinstance(first, Tls):
        return _tls_fields(first)
    if isinstance(first, Dns):
        return {
            "protocol": "dns",
            "question": name(first.name),
            "question_type": _TYPES.get(first.type, f"TYPE{first.type}"),
            "response_code": _code(first.rcode) if first.answered else None,
            "resolved": tuple(text for text in fact.resolved if _is_address(text)),
        }
    if isinstance(first, Http):
        return {
            "protocol": "http",
            "domain": name(first.host),
            "methods": tuple(name(one) or "" for one in sorted(fact.methods)),
            "statuses": fact.statuses,
            "agent": name(fact.agent),
            "sent": fact.sent,
            "answered": fact.answered,
            "software": name(first.server),
        }
    if isinstance(first, Login):
        return {"protocol": first.protocol, "logins": fact.logins, "cleartext": fact.cleartext}
    return {"protocol": first.protocol, "software": said(first.text)}


def _tls_fields(one: Tls) -> dict[str, object]:
    return {
        "protocol": "quic" if one.quic else "tls",
        "domain": name(one.sni),
        "version": one.version or None,
        "ja3": one.ja3 or None,
        "ja3s": one.ja3s or None,
        "ja4": one.ja4 or None,
        "cipher": one.cipher or None,
        "next_protocol": name(one.alpn_chosen),
        "certificate": one.certificate_sha256 or None,
        "subject": said(one.subject),
        "issuer": said(one.issuer),
        "not_after": one.not_after or None,
        "self_signed": one.self_signed,
    }


def _code(number: int) -> str:
    return _CODES[number] if number < len(_CODES) else str(number)


def _is_address(text: str) -> bool:
    return all(char in "0123456789abcdef.:" for char in text)
