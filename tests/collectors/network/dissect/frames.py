"""Frames and capture files, byte by byte: scapy itself is only in the child."""

from __future__ import annotations

import struct

MAC_A, MAC_B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


def ethernet(kind: int, payload: bytes) -> bytes:
    return MAC_B + MAC_A + struct.pack("!H", kind) + payload


def arp(operation: int = 1) -> bytes:
    head = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
    return ethernet(0x0806, head + MAC_A + bytes([10, 0, 0, 9]) + bytes(6) + bytes([10, 0, 0, 1]))


def ipv4(protocol: int, payload: bytes, fragment: int = 0) -> bytes:
    size = 20 + len(payload)
    head = struct.pack("!BBHHHBBH", 0x45, 0, size, 1, fragment, 64, protocol, 0)
    return ethernet(0x0800, head + bytes([10, 0, 0, 9]) + bytes([10, 0, 0, 1]) + payload)


def udp(source: int, destination: int, payload: bytes) -> bytes:
    return ipv4(17, struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload)


def tcp(source: int, destination: int, payload: bytes) -> bytes:
    head = struct.pack("!HHIIBBHHH", source, destination, 1, 1, 5 << 4, 0x18, 1000, 0, 0)
    return ipv4(6, head + payload)


def dhcp(hostname: bytes) -> bytes:
    """A DHCP request (RFC 2131) with a host name (option 12)."""
    fixed = struct.pack("!BBBBIHH", 1, 1, 6, 0, 7, 0, 0) + bytes(16) + MAC_A + bytes(10 + 64 + 128)
    options = (
        b"\x63\x82\x53\x63" + b"\x35\x01\x03" + bytes([12, len(hostname)]) + hostname + b"\xff"
    )
    return udp(68, 67, fixed + options)


def echo(payload: bytes) -> bytes:
    return ipv4(1, struct.pack("!BBHHH", 8, 0, 0, 1, 1) + payload)


def capture(*frames: bytes, link: int = 1) -> bytes:
    """A capture file in the classic format, a second between frames."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)]
    for number, frame in enumerate(frames):
        parts += [struct.pack("<IIII", 1000 + number, 5, len(frame), len(frame)), frame]
    return b"".join(parts)
