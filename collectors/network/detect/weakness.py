"""Weak certificates, weak protocols, passwords in clear.

Of our own listeners: certificates that ran out or soon will, that nobody vouches for, with short
keys or broken signatures; protocol versions that RFC 8996 and RFC 7568 withdraw. Of everybody:
logins whose password crossed in clear, and the use of telnet and FTP. TLS 1.3 hides the
certificate; such listeners cannot be judged from here. Repeated after days, not hours.
MITRE ATT&CK T1040, T1557 for certificates.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from collectors.network.detect.lru import Table
from collectors.network.detect.places import Places, written
from collectors.network.detect.settings import WeaknessSettings
from collectors.network.model import ANONYMOUS, Banner, Conn, Direction, Finding, Login, Seen, Tls

DAY = 86_400 * 1_000_000_000
_OLD = frozenset(("ssl2", "ssl3", "1.0", "1.1"))
_BROKEN = ("md2", "md5", "sha1")
_RSA = range(600, 16_385)
"""Key sizes; up to 571 bits are of elliptic curves."""
_CLEAR = frozenset(("telnet", "ftp"))


class Weakness:
    """Looks at handshakes and logins."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Tls, Login, Banner)

    def __init__(self, settings: WeaknessSettings, places: Places) -> None:
        self._settings = settings
        self._places = places
        self._told: Table[tuple[str, str], int] = Table(4096)

    def see(self, record: Seen) -> list[Finding]:
        """Take a handshake, a login or a banner."""
        if isinstance(record, Tls):
            conn = record.conn
            if conn.direction is not Direction.INBOUND or record.quic or record.resumed:
                return []
            return self._handshake(record)
        if isinstance(record, Login):
            found = self._used(record.conn, record.at, record.protocol)
            if record.cleartext and record.conn.direction is not Direction.INTERNAL:
                found += self._login(record)
            return found
        if isinstance(record, Banner):
            return self._used(record.conn, record.at, record.protocol)
        return []

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Do nothing."""
        del now
        return ()

    def evicted(self) -> int:
        """Return how many told weaknesses were forgotten for want of room."""
        return self._told.evicted

    def _handshake(self, tls: Tls) -> list[Finding]:
        found: list[Finding] = []
        conn, at = tls.conn, tls.at
        if tls.cipher and tls.version in _OLD:
            found += self._once("weak.version", conn, at, "medium", {}, (tls.version,))
        if not tls.certificate_sha256:
            return found
        days = (tls.not_after - at) / DAY
        evidence = {"days_left": days}
        names = tuple(text for text in (tls.subject, tls.issuer) if text)
        if tls.not_after and days < 0:
            found += self._once("weak.expired", conn, at, "medium", evidence, names)
        elif tls.not_after and days < self._settings.expiry_days:
            found += self._once("weak.expiring", conn, at, "low", evidence, names)
        if tls.self_signed:
            found += self._once("weak.self_signed", conn, at, "low", {}, names)
        elif any(text in tls.signature.lower().replace("-", "") for text in _BROKEN):
            found += self._once("weak.signature", conn, at, "medium", {}, (tls.signature, *names))
        if tls.key_bits in _RSA and tls.key_bits < self._settings.key_bits:
            bits = {"key_bits": float(tls.key_bits)}
            found += self._once("weak.key", conn, at, "medium", bits, names)
        return found

    def _login(self, login: Login) -> list[Finding]:
        conn = login.conn
        if login.user.lower() in ANONYMOUS:
            return []
        peer = conn.client if conn.direction is Direction.INBOUND else conn.server
        severity = "medium" if self._places.inside(peer) else "high"
        texts = tuple(text for text in (login.protocol, login.user) if text)
        entity = f"{written(conn.server)}:{conn.server_port} {login.user}"
        return self._once("weak.cleartext_login", conn, login.at, severity, {}, texts, entity)

    def _used(self, conn: Conn, at: int, protocol: str) -> list[Finding]:
        if protocol not in _CLEAR or conn.direction is Direction.INTERNAL:
            return []
        return self._once(f"weak.{protocol}", conn, at, "low", {}, (protocol,))

    def _once(  # noqa: PLR0917
        self,
        rule: str,
        conn: Conn,
        at: int,
        severity: str,
        numbers: dict[str, float],
        texts: tuple[str, ...],
        entity: str = "",
    ) -> list[Finding]:
        entity = entity or f"{written(conn.server)}:{conn.server_port}"
        last = self._told.get((rule, entity))
        if last is not None and abs(at - last) < self._settings.repeat_days * DAY:
            return []
        self._told[rule, entity] = at
        return [
            Finding(
                rule=rule,
                at=at,
                begin=at,
                severity=severity,
                technique="T1040" if "login" in rule or rule[5:] in _CLEAR else "T1557",
                source=conn.client,
                destination=conn.server,
                port=conn.server_port,
                direction=conn.direction,
                entity=entity,
                count=1,
                numbers=numbers,
                texts=texts[:8],
                conn=conn,
            )
        ]
