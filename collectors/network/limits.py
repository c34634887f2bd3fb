"""How much the engine remembers, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the flow table and of what goes on to the streams. Times are ns."""

    flows: int = 50_000
    head: int = 64 << 10
    """Payload bytes of each direction of a TCP connection that are read."""
    datagrams: int = 8
    """Of each direction of a UDP conversation; DNS is read always."""
    attempt: int = 10 * SECOND
    """After a SYN that nobody answered."""
    linger: int = 2 * SECOND
    """After FIN from both ends, or RST: late packets still belong to it."""
    tcp_idle: int = 300 * SECOND
    idle: int = 60 * SECOND
    """For all but TCP."""
    active: int = 300 * SECOND
    """What goes on for longer is told in pieces."""
    place: int = SECOND
    """A direction not seen at its place for so long may come from another."""
    singles: int = 1024
    """ICMP messages and ARP packets of one block that are looked at one by one."""
