"""Traffic with values that a list calls bad.

Addresses of the other end, names in questions, handshakes and requests, fingerprints of clients and
certificates, addresses in answers. Answers of the table are remembered, so a busy peer is looked up
once. A listed address that calls us is everyday on the internet and low; one that we call keeps the
severity of its list.
MITRE ATT&CK T1071.
"""

from __future__ import annotations

import ipaddress
from typing import ClassVar

import msgspec

from collectors.network.detect.ioc import Indicator, Indicators
from collectors.network.detect.lru import Table
from collectors.network.detect.outcome import failed
from collectors.network.detect.places import Places, written
from collectors.network.model import Conn, Direction, Dns, Finding, Flow, Http, Seen, Tls

_NOTHING = Indicator("", "", "")


class IocMatch:
    """Looks values up."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Flow, Dns, Tls, Http)

    def __init__(self, indicators: Indicators | None, places: Places) -> None:
        self._indicators = indicators
        self._places = places
        self._known: Table[object, Indicator] = Table(16_384)

    def use(self, indicators: Indicators) -> None:
        """Compare with this table from now on; the one before is unmapped."""
        before, self._indicators = self._indicators, indicators
        self._known.clear()
        if before is not None:
            before.close()

    def see(self, record: Seen) -> list[Finding] | tuple[Finding, ...]:
        """Take a record with values."""
        if self._indicators is None:
            return ()
        if isinstance(record, Flow):
            return self._flow(record)
        if isinstance(record, Dns):
            return self._dns(record)
        if isinstance(record, Tls):
            return self._tls(record)
        if isinstance(record, Http) and record.host:
            host = record.host.rsplit(":", 1)[0]
            return self._one(self._name(host), record.conn, record.at, host)
        return ()

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Do nothing."""
        del now
        return ()

    def evicted(self) -> int:
        """Return 0: what is forgotten is looked up again."""
        return 0

    def _address(self, packed: bytes) -> Indicator:
        found = self._known.get(packed)
        if found is None:
            found = _NOTHING
            if self._indicators is not None and not self._places.inside(packed):
                found = self._indicators.address(packed) or _NOTHING
            self._known[packed] = found
        return found

    def _name(self, name: str) -> Indicator:
        found = self._known.get(name)
        if found is None:
            found = _NOTHING
            if self._indicators is not None:
                found = self._indicators.domain(name) or _NOTHING
            self._known[name] = found
        return found

    def _text(self, kind: str, value: str) -> Indicator:
        found = self._known.get((kind, value))
        if found is None:
            found = _NOTHING
            if self._indicators is not None:
                found = self._indicators.text(kind, value) or _NOTHING
            self._known[kind, value] = found
        return found

    def _flow(self, flow: Flow) -> list[Finding] | tuple[Finding, ...]:
        conn = flow.conn
        for address in (conn.server, conn.client):
            found = self._address(address)
            if found is not _NOTHING:
                calls_us = address == conn.client and conn.direction is not Direction.OUTBOUND
                if calls_us or failed(flow):
                    found = found._replace(severity="low")
                return self._one(found, conn, flow.last, written(address), flow)
        return ()

    def _dns(self, record: Dns) -> list[Finding]:
        found = self._one(self._name(record.name), record.conn, record.at, record.name)
        for answer in () if found else record.answers:
            try:
                packed = ipaddress.ip_address(answer).packed
            except ValueError:
                listed = self._name(answer)
            else:
                listed = self._address(packed)
            if listed is not _NOTHING:
                # A name may be parked at a bad address; only the call itself is sure.
                listed = listed._replace(severity="low")
                return self._one(listed, record.conn, record.at, answer, examples=(record.name,))
        return found

    def _tls(self, record: Tls) -> list[Finding]:
        found: list[Finding] = []
        if record.sni:
            found += self._one(self._name(record.sni), record.conn, record.at, record.sni)
        for kind, value in (
            ("ja3", record.ja3),
            ("ja4", record.ja4),
            ("certificate", record.certificate_sha256),
        ):
            if value:
                listed = self._text(kind, value)
                if listed is not _NOTHING:
                    if kind != "certificate" and record.conn.direction is Direction.INBOUND:
                        listed = listed._replace(severity="low")
                    found += self._one(listed, record.conn, record.at, value)
        return found

    @staticmethod
    def _one(
        listed: Indicator,
        conn: Conn,
        at: int,
        value: str,
        flow: Flow | None = None,
        *,
        examples: tuple[str, ...] = (),
    ) -> list[Finding]:
        if listed is _NOTHING:
            return []
        return [
            Finding(
                rule=f"ioc.{listed.kind}",
                at=at,
                begin=flow.begin if flow is not None else at,
                severity=listed.severity,
                technique="T1071",
                source=conn.client,
                destination=conn.server,
                port=conn.server_port,
                direction=conn.direction,
                entity=value[:256],
                count=1,
                score=1.0,
                numbers={}
                if flow is None
                else {
                    "bytes_out": float(flow.client_bytes),
                    "bytes_in": float(flow.server_bytes),
                },
                texts=tuple(text for text in (value[:256], listed.source, *examples) if text),
                conn=conn,
                process=flow.process if flow is not None else "",
            )
        ]
