"""What a peer is called: by the handshake of the connection, or by the DNS answer that led to it.

No detection of its own: the others ask it. It takes each record before them.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from collectors.network.detect.lru import Table
from collectors.network.detect.places import written
from collectors.network.model import Conn, Dns, Finding, Http, Seen, Tls


class Names:
    """Names of connections and addresses, the newest win."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Dns, Tls, Http)

    def __init__(self, limit: int = 8192) -> None:
        self._conns: Table[int, str] = Table(limit)
        self._addresses: Table[str, str] = Table(limit)

    def see(self, record: Seen) -> tuple[Finding, ...]:
        """Remember the name that *record* gives."""
        if isinstance(record, Tls):
            if record.sni:
                self._conns[record.conn.key] = record.sni.lower()
        elif isinstance(record, Http):
            if record.host:
                self._conns[record.conn.key] = record.host.lower().rsplit(":", 1)[0]
        elif isinstance(record, Dns):
            for answer in record.answers:
                if answer[:1].isdigit() or ":" in answer:
                    self._addresses[answer] = record.name
        return ()

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Do nothing."""
        del now
        return ()

    def evicted(self) -> int:
        """Return how many names were forgotten for want of room."""
        return self._conns.evicted + self._addresses.evicted

    def said(self, conn: Conn) -> str:
        """Return the name in the handshake, empty where there was none."""
        return self._conns.get(conn.key) or ""

    def of(self, conn: Conn) -> str:
        """Return the best name of the server, empty where there is none."""
        return self._conns.get(conn.key) or self._addresses.get(written(conn.server)) or ""
