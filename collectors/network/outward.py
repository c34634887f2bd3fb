"""How what is known inside the child may leave it: scrubbed, short, and in ECS's terms."""

from __future__ import annotations

import ipaddress
import re

from collectors.kinds import NetworkFinding, Scrubbed, Severity
from collectors.network.model import ICMP, ICMPV6, TCP, UDP, Conn, Finding
from collectors.redact import excerpt
from collectors.sighting import Sighting

MODULE = "network"
_TRANSPORTS = {
    ICMP: "icmp",
    TCP: "tcp",
    UDP: "udp",
    41: "ipv6",
    47: "gre",
    50: "esp",
    51: "ah",
    ICMPV6: "ipv6-icmp",
    89: "ospf",
    132: "sctp",
}
_SEVERITIES = {
    "low": Severity.LOW,
    "medium": Severity.MEDIUM,
    "high": Severity.HIGH,
    "critical": Severity.CRITICAL,
}
_NUMBER_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_LONGEST_NAME = 253  # of a domain, RFC 1035
_LONGEST_TEXT = 200
_LONGEST_SAID = 160
_MOST_TEXTS = 8


def address(packed: bytes) -> str | None:
    """Return the usual text of a packed address, None when it is none."""
    try:
        return str(ipaddress.ip_address(packed)) if packed else None
    except ValueError:
        return None


def transport(proto: int) -> str:
    """Return the keyword of an IP protocol, else its number as text."""
    return _TRANSPORTS.get(proto, str(proto))


def name(text: str) -> Scrubbed | None:
    """Return a name from the wire as it may leave, None when it is empty."""
    return excerpt(text, _LONGEST_NAME) if text else None


def said(text: str) -> Scrubbed | None:
    """Return what an end says of itself as it may leave, None when it is empty.

    Readers keep 256 characters of it: of a number at that edge only a part would be there, which
    nobody knows for one any more. So clearly fewer are told.
    """
    return excerpt(text, _LONGEST_SAID) if text else None


def finding(found: Finding) -> Sighting:
    """Return what a detector found as a record."""
    conn: Conn | None = found.conn
    record = NetworkFinding(
        rule=found.rule,
        technique=found.technique,
        begin=found.begin,
        end=found.at,
        direction=found.direction.value,
        source=address(found.source),
        destination=address(found.destination),
        port=found.port or None,
        transport=transport(conn.proto) if conn else None,
        source_port=conn.client_port if conn and conn.proto in (TCP, UDP) else None,
        interface=conn.interface or None if conn else None,
        entity=name(found.entity),
        count=found.count,
        score=found.score,
        # Names of numbers are the detectors' own words; anything else might be the wire's.
        numbers={
            key: float(value) for key, value in found.numbers.items() if _NUMBER_NAME.fullmatch(key)
        },
        texts=tuple(excerpt(text, _LONGEST_TEXT) for text in found.texts[:_MOST_TEXTS]),
        process=name(found.process),
    )
    severity = _SEVERITIES.get(found.severity, Severity.MEDIUM)
    return Sighting(record=record, observed=found.at, module=MODULE, severity=severity)
