"""Community ID, version 1: a name for a conversation that other tools give it too.

https://github.com/corelight/community-id-spec: the base64 of SHA-1 over seed, addresses, protocol
and ports, the smaller end first. ICMP has types in place of ports: a type that is asked and
answered has its partner as the other end, another has the code and keeps its direction.
"""

from __future__ import annotations

import base64
import hashlib
import struct

from collectors.network import model
from collectors.network.keys import ICMP6_ANSWERS, ICMP_ANSWERS

_PARTNERS = ICMP_ANSWERS | {asked: answer for answer, asked in ICMP_ANSWERS.items()}
_PARTNERS6 = ICMP6_ANSWERS | {asked: answer for answer, asked in ICMP6_ANSWERS.items()}
_WITH_PORTS = (model.TCP, model.UDP, 132)


def community_id(
    proto: int, source: bytes, destination: bytes, port: int, other: int, *, seed: int = 0
) -> str:
    """Return the identifier of a conversation; for ICMP *port* and *other* are type and code."""
    one_way = False
    if proto in {model.ICMP, model.ICMPV6}:
        partners = _PARTNERS if proto == model.ICMP else _PARTNERS6
        one_way = port not in partners
        other = partners.get(port, other)
    ends = (source, port), (destination, other)
    if not one_way and ends[1] < ends[0]:
        ends = ends[1], ends[0]
    data = struct.pack(">H", seed) + ends[0][0] + ends[1][0] + bytes([proto, 0])
    if proto in {*_WITH_PORTS, model.ICMP, model.ICMPV6}:
        data += struct.pack(">HH", ends[0][1], ends[1][1])
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    return "1:" + base64.b64encode(digest).decode()


def of(conn: model.Conn, *, seed: int = 0) -> str:
    """Return the identifier of *conn*."""
    return community_id(
        conn.proto, conn.client, conn.server, conn.client_port, conn.server_port, seed=seed
    )
