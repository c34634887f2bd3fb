"""What can be asked about the network, as SQL. Pure.

As in `server.store.file_query`: `LIKE` looks for an address in the JSON text before any is parsed.
"""

from __future__ import annotations

import ipaddress
import re

from server.store.query import Sql

FLOWS = ("network.flow",)
FINDINGS = ("network.finding", "network.content", "network.sweep")
SERVICES = ("network.service",)
CONTENT = ("network.content",)
_ENDS = (
    "source.ip",
    "destination.ip",
    "ronda.content.peer",
    "ronda.finding.entity",
    "destination.domain",
    "dns.question.name",
    "user.name",
)
_NAME = re.compile(r"[A-Za-z0-9._:*@-]{1,253}")


def of_kinds(kinds: tuple[str, ...]) -> Sql:
    """Return that an event is of one of *kinds*."""
    return Sql(f"kind IN ({', '.join('?' * len(kinds))})", list(kinds))


def canonical(peer: str) -> str | None:
    """Return an address as agents write it, or a name in small letters; None for neither."""
    text = peer.strip()
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text.lower() if _NAME.fullmatch(text) else None


def with_peer(peer: str) -> Sql:
    """Return that an event is about the address or name *peer* (`canonical`)."""
    pattern = re.sub(r"([%_\\])", r"\\\1", peer)
    equal = " OR ".join(
        f"lower(coalesce(json_extract(fields, '$.\"{field}\"'), '')) = ?" for field in _ENDS
    )
    # What a finding is counted under may bear a port: name:443.
    begins = "lower(coalesce(json_extract(fields, '$.\"ronda.finding.entity\"'), '')) LIKE ?"
    where = f"CASE WHEN fields LIKE ? ESCAPE '\\' THEN ({equal} OR {begins} ESCAPE '\\') ELSE 0 END"
    return Sql(where, [f"%{pattern}%", *[peer] * len(_ENDS), f"{pattern}:%"])


def with_port(port: int) -> Sql:
    """Return that an event is about a service at *port*."""
    where = (
        "CASE WHEN fields LIKE ? THEN json_extract(fields, '$.\"destination.port\"') = ? ELSE 0 END"
    )
    return Sql(where, [f"%{port}%", port])


def at_least(severity: int) -> Sql:
    """Return that an event has this severity or more."""
    return Sql("severity >= ?", [severity])
