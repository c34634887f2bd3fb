"""AES-128 (FIPS 197), encryption only, of many blocks at once and without any library.

QUIC hides its first packets behind keys that everybody can work out (RFC 9001 5.2), so nothing
here is secret and nothing has to take constant time. A round is done for all blocks together: the
state is four rows, each a byte string with that row of every block, so that substitution is one
``bytes.translate`` and the mixing of columns is exclusive or of long integers.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

Schedule: TypeAlias = tuple[bytes, ...]
"""Eleven round keys of 16 bytes."""


def _double(value: int) -> int:
    return (value << 1 ^ (0x11B if value & 0x80 else 0)) & 0xFF


def _substitution() -> bytes:
    """Return the S-box, FIPS 197 5.1.1: the inverse in GF(2^8), then an affine map."""
    powers = [1]
    for _ in range(254):
        powers.append(powers[-1] ^ _double(powers[-1]))  # times 3, which generates the field
    inverse = {power: powers[-index % 255] for index, power in enumerate(powers)}
    box = bytearray()
    for value in range(256):
        turned = inverse.get(value, 0)
        result = 0x63
        for _ in range(5):
            result ^= turned
            turned = (turned << 1 | turned >> 7) & 0xFF
        box.append(result)
    return bytes(box)


_BOX = _substitution()
_BOX_2 = bytes(_double(value) for value in _BOX)
_BOX_3 = bytes(_double(value) ^ value for value in _BOX)


def expand(key: bytes) -> Schedule:
    """Return the round keys of a *key* of 16 bytes, FIPS 197 5.2."""
    words = list(struct.unpack(">4I", key))
    constant = 1
    for index in range(4, 44):
        word = words[-1]
        if not index % 4:
            turned = (word << 8 | word >> 24) & 0xFFFFFFFF
            word = int.from_bytes(turned.to_bytes(4, "big").translate(_BOX), "big")
            word ^= constant << 24
            constant = _double(constant)
        words.append(word ^ words[-4])
    whole = struct.pack(">44I", *words)
    return tuple([whole[at : at + 16] for at in range(0, 176, 16)])


def encrypt(schedule: Schedule, blocks: bytes) -> bytes:
    """Return *blocks*, a multiple of 16 bytes, each encrypted by itself (ECB)."""
    count = len(blocks) >> 4
    size = 4 * count
    read = int.from_bytes
    keys = [
        [
            read(b"".join([key[at : at + 1] * count for at in range(row, 16, 4)]), "little")
            for row in range(4)
        ]
        for key in schedule
    ]
    state = [
        read(b"".join([blocks[at::16] for at in range(row, 16, 4)]), "little") ^ keys[0][row]
        for row in range(4)
    ]
    for key in keys[1:-1]:
        rows = _shifted(state, count, size)
        once = [read(row.translate(_BOX), "little") for row in rows]
        twice = [read(row.translate(_BOX_2), "little") for row in rows]
        thrice = [read(row.translate(_BOX_3), "little") for row in rows]
        state = [
            twice[0] ^ thrice[1] ^ once[2] ^ once[3] ^ key[0],
            once[0] ^ twice[1] ^ thrice[2] ^ once[3] ^ key[1],
            once[0] ^ once[1] ^ twice[2] ^ thrice[3] ^ key[2],
            thrice[0] ^ once[1] ^ once[2] ^ twice[3] ^ key[3],
        ]
    result = bytearray(16 * count)
    for row, shifted in enumerate(_shifted(state, count, size)):
        last = (read(shifted.translate(_BOX), "little") ^ keys[-1][row]).to_bytes(size, "little")
        for column in range(4):
            result[4 * column + row :: 16] = last[column * count : (column + 1) * count]
    return bytes(result)


def counter(schedule: Schedule, nonce: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt *data* as GCM does (SP 800-38D), with a *nonce* of 12 bytes.

    The tag is not looked at: leave it out of *data*.
    """
    blocks = (len(data) + 15) >> 4
    stream = encrypt(
        schedule, b"".join([nonce + at.to_bytes(4, "big") for at in range(2, blocks + 2)])
    )
    size = len(data)
    mixed = int.from_bytes(data, "little") ^ int.from_bytes(stream[:size], "little")
    return mixed.to_bytes(size, "little")


def _shifted(state: list[int], count: int, size: int) -> list[bytes]:
    """Return the rows as bytes, each turned left by its number of columns."""
    rows = [row.to_bytes(size, "little") for row in state]
    return [row[at * count :] + row[: at * count] for at, row in enumerate(rows)]
