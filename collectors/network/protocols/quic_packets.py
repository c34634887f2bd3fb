"""QUIC packets as far as anybody can read them: Initial and Retry, as pure functions over bytes.

RFC 9000 (packets, frames), RFC 9001 (keys of Initial packets), RFC 9369 (version 2); drafts 29 to
34 differ in the salt only. The tag of a packet is not checked: everybody can make a true one, and a
wrong key shows in that no frames come out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import NamedTuple

from collectors.network.protocols import aes

_V1 = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
_DRAFT_29 = bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")
_DRAFT_23 = bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")
_V2 = bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")
_SALTS = {
    0x00000001: _V1,
    0x6B3343CF: _V2,
    0xFACEB002: _DRAFT_23,
    **dict.fromkeys(range(0xFF000017, 0xFF00001D), _DRAFT_23),
    **dict.fromkeys(range(0xFF00001D, 0xFF000021), _DRAFT_29),
    **dict.fromkeys(range(0xFF000021, 0xFF000023), _V1),
}
"""By version; the keys of all Initial packets come from it and the client's first address."""
_SECOND = 0x6B3343CF

_TAG = 16
_LONG = 0x80
_FIXED = 0x40
_LONGEST_ID = 20
_MOST_FRAMES = 512
_MOST_PACKETS = 4
"""Looked at in one datagram."""

_PADDING, _PING, _ACK, _ACK_ECN, _CRYPTO, _CLOSE = 0x00, 0x01, 0x02, 0x03, 0x06, 0x1C


class Packet(NamedTuple):
    """An Initial or Retry packet, still protected."""

    version: int
    retry: bool
    destination: bytes
    """Connection id."""
    source: bytes
    start: int
    """Of the packet in its datagram."""
    number: int
    """Where the packet number stands."""
    end: int


class Keys(NamedTuple):
    """What protects the Initial packets of one client."""

    packet: aes.Schedule
    nonce: bytes
    header: aes.Schedule


def packets(datagram: bytes) -> Iterator[Packet]:
    """Yield the Initial and Retry packets at the beginning of a datagram."""
    at = 0
    for _ in range(_MOST_PACKETS):
        found = _packet(datagram, at)
        if found is None:
            return
        yield found
        at = found.end


def _packet(data: bytes, at: int) -> Packet | None:
    size = len(data)
    if at + 7 > size or data[at] & 0xC0 != _LONG | _FIXED:
        return None
    version = int.from_bytes(data[at + 1 : at + 5], "big")
    if version not in _SALTS:
        return None
    kind = data[at] >> 4 & 3
    if version == _SECOND:
        kind = (kind - 1) & 3
    to = data[at + 6 : at + 6 + data[at + 5]]
    after = at + 6 + data[at + 5]
    if len(to) > _LONGEST_ID or after >= size:
        return None
    source = data[after + 1 : after + 1 + data[after]]
    after += 1 + data[after]
    if len(source) > _LONGEST_ID or after > size:
        return None
    if kind == 3:
        return Packet(version, True, to, source, at, size, size)
    token = variable(data, after) if kind == 0 else None
    length = variable(data, token[1] + token[0]) if token else None
    if length is None or length[1] + length[0] > size or length[0] < 4 + _TAG:
        return None
    return Packet(version, False, to, source, at, length[1], length[1] + length[0])


def variable(data: bytes, at: int) -> tuple[int, int] | None:
    """Return a number of 1 to 8 bytes and where it ends, RFC 9000 16."""
    if at >= len(data):
        return None
    width = 1 << (data[at] >> 6)
    if at + width > len(data):
        return None
    mask = (1 << (8 * width - 2)) - 1
    return int.from_bytes(data[at : at + width], "big") & mask, at + width


def keys(version: int, destination: bytes) -> Keys:
    """Return what protects the packets of a client that first wrote to the id *destination*."""
    secret = _hmac(_SALTS[version], destination)
    client = _expand(secret, "client in", 32)
    name = "quicv2" if version == _SECOND else "quic"
    return Keys(
        aes.expand(_expand(client, f"{name} key", 16)),
        _expand(client, f"{name} iv", 12),
        aes.expand(_expand(client, f"{name} hp", 16)),
    )


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, hashlib.sha256)


def _expand(secret: bytes, label: str, size: int) -> bytes:
    """HKDF-Expand-Label without context, RFC 8446 7.1, for at most 32 bytes."""
    full = f"tls13 {label}".encode()
    info = size.to_bytes(2, "big") + bytes((len(full),)) + full + b"\0"
    return _hmac(secret, info + b"\1")[:size]


def plain(datagram: bytes, packet: Packet, protection: Keys) -> bytes:
    """Return the frames of an Initial packet; rubbish if the keys are others, RFC 9001 5.3, 5.4."""
    at = packet.number
    mask = aes.encrypt(protection.header, datagram[at + 4 : at + 20])
    size = ((datagram[packet.start] ^ mask[0]) & 3) + 1
    hidden = datagram[at : at + size]
    number = bytes(a ^ b for a, b in zip(hidden, mask[1:], strict=False))
    counted = int.from_bytes(protection.nonce, "big") ^ int.from_bytes(number, "big")
    return aes.counter(
        protection.packet, counted.to_bytes(12, "big"), datagram[at + size : packet.end - _TAG]
    )


def crypto(frames: bytes) -> list[tuple[int, bytes]] | None:
    """Return offset and data of the CRYPTO frames; None where these are no frames of an Initial."""
    found: list[tuple[int, bytes]] = []
    at, size = 0, len(frames)
    for _ in range(_MOST_FRAMES):
        # Padding is most of a packet.
        at = size - len(frames[at:].lstrip(b"\0"))
        if at >= size:
            return found
        kind = frames[at]
        at += 1
        if kind == _PING:
            continue
        if kind == _CRYPTO:
            offset = variable(frames, at)
            length = variable(frames, offset[1]) if offset else None
            if offset is None or length is None or length[1] + length[0] > size:
                return None
            at = length[1] + length[0]
            found.append((offset[0], frames[length[1] : at]))
            continue
        after = _passed(frames, at, kind)
        if after is None:
            return None
        at = after
    return found


def _passed(frames: bytes, at: int, kind: int) -> int | None:
    """Return where an ACK or CONNECTION_CLOSE ends that begins at *at*, None if it is none."""
    if kind == _CLOSE:
        return _over(frames, at, 2, text=True)
    if kind not in {_ACK, _ACK_ECN}:
        return None
    head: list[int] = []
    for _ in range(4):  # largest, delay, number of ranges, first range
        found = variable(frames, at)
        if found is None:
            return None
        head.append(found[0])
        at = found[1]
    ranges = 2 * head[2] + (3 if kind == _ACK_ECN else 0)
    return _over(frames, at, ranges) if ranges <= _MOST_FRAMES else None


def _over(frames: bytes, at: int, count: int, *, text: bool = False) -> int | None:
    """Return where *count* numbers end, and a text with its length behind them."""
    for _ in range(count):
        found = variable(frames, at)
        if found is None:
            return None
        at = found[1]
    if text:
        found = variable(frames, at)
        if found is None:
            return None
        at = found[1] + found[0]
    return at if at <= len(frames) else None
