"""Short ways to make conversations for tests."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from collectors.network.model import TCP, Conn, Direction, Flow, State

SECOND = 1_000_000_000
START = 1_764_000_000 * SECOND


def conn(
    client: str = "203.0.113.9", server: str = "10.0.0.7", port: int = 443, **more: Any
) -> Conn:
    """Return a conversation, inbound over TCP unless stated otherwise."""
    return Conn(
        **{
            "key": hash((client, server, port)) & 0xFFFF_FFFF,
            "proto": TCP,
            "client": ip_address(client).packed,
            "client_port": 50_000,
            "server": ip_address(server).packed,
            "server_port": port,
            "direction": Direction.INBOUND,
            "interface": "eth0",
            **more,
        }
    )


def flow(one: Conn | None = None, at: int = START, size: int = 1000, **more: Any) -> Flow:
    """Return what a conversation amounted to."""
    return Flow(
        **{
            "conn": one or conn(),
            "begin": at,
            "last": at + SECOND,
            "client_packets": 3,
            "client_bytes": 200,
            "server_packets": 4,
            "server_bytes": size,
            "state": State.SF,
            **more,
        }
    )
