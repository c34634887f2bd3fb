"""Messages that are looked at one by one: ARP (RFC 826), ICMP, neighbour advertisements (RFC 4861).

Pure functions over bytes; what makes no sense gives no record.
"""

from __future__ import annotations

import struct

from collectors.network.headers import Rows
from collectors.network.model import Arp, Conn, Icmp

ADVERTISEMENT = 136
_TARGET_LINK = 2  # option "Target Link-Layer Address"
_MOST = 256
"""Bytes of an ICMP payload that are told."""


def arp(data: memoryview, at: int, interface: str) -> list[Arp]:
    """Read the 28 bytes of ARP for IPv4 over Ethernet."""
    hardware, protocol, sizes, operation = struct.unpack_from(">HHHH", data)
    if hardware != 1 or protocol != 0x0800 or sizes != 0x0604:
        return []
    return [
        Arp(
            at=at,
            operation=operation,
            sender_mac=bytes(data[8:14]),
            sender=bytes(data[14:18]),
            target=bytes(data[24:28]),
            interface=interface,
        )
    ]


def icmp(  # noqa: PLR0917 - one row of a batch
    data: memoryview, rows: Rows, number: int, conn: Conn, from_client: bool, at: int
) -> Icmp:
    """Return row *number*, which is an ICMP message."""
    start, captured = int(rows.payload[number]), int(rows.captured[number])
    return Icmp(
        conn=conn,
        at=at,
        type=int(rows.source_port[number]),
        code=int(rows.destination_port[number]),
        from_client=from_client,
        payload=bytes(data[start : start + min(captured, _MOST)]),
        size=int(rows.payload_size[number]),
    )


def advertisement(message: Icmp) -> list[Arp]:
    """Return who a neighbour advertisement says has an address; the MAC is in an option."""
    body = message.payload
    target, at = body[:16], 16
    while at + 8 <= len(body) and body[at + 1]:
        if body[at] == _TARGET_LINK:
            return [
                Arp(
                    at=message.at,
                    operation=2,
                    sender_mac=body[at + 2 : at + 8],
                    sender=target,
                    target=message.conn.server if message.from_client else message.conn.client,
                    interface=message.conn.interface,
                )
            ]
        at += 8 * body[at + 1]
    return []
