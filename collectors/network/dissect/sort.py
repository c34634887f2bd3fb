"""Which packets are worth a slow look, by a few bytes of their headers. Pure; never raises.

Link types: https://www.tcpdump.org/linktypes.html. Ports: RFC 2131, RFC 8415, RFC 4120, MS-SMB2.
"""

from __future__ import annotations

from typing import NamedTuple

NULL, ETHERNET, RAW_BSD, RAW, SLL, SLL2 = 0, 1, 12, 101, 113, 276
_VLANS = frozenset({0x8100, 0x88A8, 0x9100})
_IPV4, _IPV6, _ARP = 0x0800, 0x86DD, 0x0806
_EXTENSIONS = frozenset({0, 43, 60})
"""Hop-by-hop, routing, destination options: next header and length in units of 8 bytes."""
_FRAGMENT = 44
_PORTS = {67: "dhcp", 68: "dhcp", 546: "dhcp", 547: "dhcp", 88: "kerberos", 464: "kerberos"}
_TCP_PORTS = {139: "smb", 445: "smb", 88: "kerberos", 464: "kerberos"}


class Sorted(NamedTuple):
    """What a frame is."""

    category: str
    """Empty for what other parsers read."""
    headers: int
    """Bytes of headers; what follows is carried."""


def sort(link: int, frame: bytes) -> Sorted:
    """Return what *frame* is, and how long its headers are."""
    kind, at = _link(link, frame)
    if kind == _ARP:
        return Sorted("arp", len(frame))
    if kind == _IPV4:
        return _ipv4(frame, at)
    if kind == _IPV6:
        return _ipv6(frame, at)
    return Sorted("other", min(at, len(frame)))


def _number(frame: bytes, at: int, size: int = 2) -> int:
    return int.from_bytes(frame[at : at + size], "big")


def _link(link: int, frame: bytes) -> tuple[int, int]:
    """Return the ethertype, and where what it names begins."""
    if link in {RAW, RAW_BSD}:
        return _version(frame, 0), 0
    if link == NULL:  # a family number in the byte order of whoever wrote it
        return _version(frame, 4), 4
    if link == SLL:
        return _number(frame, 14), 16
    if link == SLL2:
        return _number(frame, 0), 20
    if link != ETHERNET:
        return 0, 0
    at = 12
    for _ in range(3):
        if _number(frame, at) not in _VLANS:
            break
        at += 4
    return _number(frame, at), at + 2


def _version(frame: bytes, at: int) -> int:
    version = frame[at] >> 4 if at < len(frame) else 0
    return {4: _IPV4, 6: _IPV6}.get(version, 0)


def _ipv4(frame: bytes, at: int) -> Sorted:
    if len(frame) < at + 20:
        return Sorted("other", len(frame))
    begin = at + max(20, (frame[at] & 15) * 4)
    if _number(frame, at + 6) & 0x1FFF:
        return Sorted("", min(begin, len(frame)))  # a later fragment has no ports
    return _transport(frame, frame[at + 9], begin)


def _ipv6(frame: bytes, at: int) -> Sorted:
    if len(frame) < at + 40:
        return Sorted("other", len(frame))
    following, begin = frame[at + 6], at + 40
    for _ in range(8):
        if following == _FRAGMENT:
            if _number(frame, begin + 2) & 0xFFF8:
                return Sorted("", min(begin + 8, len(frame)))
            following, begin = _next(frame, begin), begin + 8
        elif following in _EXTENSIONS and begin + 1 < len(frame):
            following, begin = frame[begin], begin + 8 + 8 * frame[begin + 1]
        else:
            break
    return _transport(frame, following, begin)


def _next(frame: bytes, at: int) -> int:
    return frame[at] if at < len(frame) else 59  # no next header


def _transport(frame: bytes, protocol: int, begin: int) -> Sorted:
    size = len(frame)
    if protocol in {1, 58}:
        return Sorted("icmp", min(begin + 8, size))
    if protocol not in {6, 17}:
        return Sorted("other", min(begin, size))
    ports = _number(frame, begin), _number(frame, begin + 2)
    if protocol == 17:
        return Sorted(_by_port(_PORTS, ports), min(begin + 8, size))
    offset = (frame[begin + 12] >> 4) * 4 if begin + 12 < size else 20
    end = min(begin + max(20, offset), size)
    # Bare acknowledgements say nothing.
    return Sorted(_by_port(_TCP_PORTS, ports) if end < size else "", end)


def _by_port(known: dict[int, str], ports: tuple[int, int]) -> str:
    return known.get(ports[0]) or known.get(ports[1]) or ""
