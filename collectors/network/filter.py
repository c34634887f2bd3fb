"""Classic BPF for packet sockets, built without any library.

The filter runs in the kernel before a packet is copied: what it refuses costs almost nothing.
Loads are relative to the network header (SKF_NET_OFF) and to what the kernel knows of the packet
(SKF_AD_*, linux/filter.h), so the same program fits every kind of interface.
"""

from __future__ import annotations

import ctypes
import ipaddress
import struct

from collectors.network.model import TCP

_LDW, _LDH, _LDB = 0x20, 0x28, 0x30  # load absolute: 4, 2, 1 bytes
_LDH_X = 0x48  # load 2 bytes at X + k
_LDX_HEADER = 0xB1  # X = 4 * (byte & 15): length of an IPv4 header
_EQUAL, _ANY_BIT, _RETURN = 0x15, 0x45, 0x06
_NETWORK = 0xFFF00000
_PROTOCOL, _KIND = 0xFFFFF000, 0xFFFFF004
_OUTGOING = 4  # PACKET_OUTGOING, linux/if_packet.h
_IPV4, _IPV6 = 0x0800, 0x86DD
_INSTRUCTION = struct.Struct("=HBBI")
LONGEST = 4096
"""BPF_MAXINSNS."""

Line = tuple[int, int, int, int]


def endpoint(text: str) -> tuple[bytes, int]:
    """Read ``192.0.2.1:443`` or ``[2001:db8::1]:443``.

    Raises:
        ValueError: it is neither.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is no ADDRESS:PORT")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address stands in brackets")
    try:
        return ipaddress.ip_address(host).packed, int(port)
    except ValueError:
        raise ValueError(f"{text!r}: {host!r} is no address") from None


def _words(address: bytes) -> list[int]:
    return [int.from_bytes(address[at : at + 4], "big") for at in range(0, len(address), 4)]


def _side(address: bytes, port: int, *, source: bool) -> list[tuple[int, int, int]]:
    """Return tests (load, offset, value) that all hold when one side of a packet is this one."""
    start = (12 if source else 16) if len(address) == 4 else (8 if source else 24)
    tests = [
        (_LDW, _NETWORK + start + 4 * number, word) for number, word in enumerate(_words(address))
    ]
    ports = 0 if source else 2
    tests.append((_LDH_X, _NETWORK + ports, port))
    return tests


def _refuse_all_of(tests: list[tuple[int, int, int]], before: list[Line]) -> list[Line]:
    """Return lines that refuse the packet when all *tests* hold and else fall through."""
    lines: list[Line] = []
    for number, (load, offset, value) in enumerate(tests):
        # Behind each failed test: the rest of the pairs, and the refusal.
        rest = 2 * (len(tests) - number - 1) + 1
        lines += [(load, 0, 0, offset), (_EQUAL, 0, rest, value)]
    return [*before, *lines, (_RETURN, 0, 0, 0)]


def _without(address: bytes, port: int) -> list[Line]:
    """Return lines that refuse TCP from or to one endpoint and let everything else go on."""
    if len(address) == 4:
        guard: list[tuple[int, int, int]] = [
            (_LDH, _PROTOCOL, _IPV4),
            (_LDB, _NETWORK + 9, TCP),
        ]
        # Later fragments hold no ports.
        prepare: list[Line] = [(_LDH, 0, 0, _NETWORK + 6), (_ANY_BIT, 0, 0, 0x1FFF)]
        header: list[Line] = [(_LDX_HEADER, 0, 0, _NETWORK)]
    else:
        guard = [(_LDH, _PROTOCOL, _IPV6), (_LDB, _NETWORK + 6, TCP)]
        prepare = []
        header = [(0x01, 0, 0, 40)]  # X = 40
    body = [
        *header,
        *_refuse_all_of(_side(address, port, source=True), []),
        *_refuse_all_of(_side(address, port, source=False), []),
    ]
    if prepare:
        prepare[1] = (_ANY_BIT, len(body), 0, 0x1FFF)
    inner = [*prepare, *body]
    lines: list[Line] = []
    for number, (load, offset, value) in enumerate(guard):
        behind = 2 * (len(guard) - number - 1) + len(inner)
        lines += [(load, 0, 0, offset), (_EQUAL, 0, behind, value)]
    return [*lines, *inner]


def program(
    snap: int, *, without: tuple[tuple[bytes, int], ...] = (), incoming: bool = False
) -> list[Line]:
    """Return a filter that keeps the first *snap* bytes of each packet.

    *without*: endpoints whose TCP is not taken. *incoming*: leave out what this host sends, for the
    loopback, where everything comes back in at once.

    Raises:
        ValueError: it would be longer than the kernel takes.
    """
    lines: list[Line] = []
    if incoming:
        lines += [(_LDB, 0, 0, _KIND), (_EQUAL, 0, 1, _OUTGOING), (_RETURN, 0, 0, 0)]
    for address, port in without:
        lines += _without(address, port)
    lines.append((_RETURN, 0, 0, snap))
    if len(lines) > LONGEST:
        raise ValueError(f"{len(without)} endpoints to leave out are too many")
    return lines


def pack(lines: list[Line]) -> tuple[ctypes.Array[ctypes.c_char], bytes]:
    """Return the instructions, to be kept alive, and the ``struct sock_fprog`` that points there.

    Raises:
        ValueError: a jump leads out of the program.
    """
    for number, (code, yes, no, _) in enumerate(lines):
        if code in (_EQUAL, _ANY_BIT) and number + 1 + max(yes, no) >= len(lines):
            raise ValueError(f"line {number} jumps out of the program")
    data = b"".join(_INSTRUCTION.pack(*line) for line in lines)
    buffer = ctypes.create_string_buffer(data, len(data))
    return buffer, struct.pack("HxxxxxxQ", len(lines), ctypes.addressof(buffer))
