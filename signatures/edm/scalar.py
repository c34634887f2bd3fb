"""The keyed hash of one value, in plain Python; `signatures.edm.vector` does the same for many.

SipHash-2-4 (Aumasson, Bernstein 2012) of eight bytes: a pseudo-random function under 128 bits of
key, which a mixing function with a seed is not.
"""

from __future__ import annotations

import hashlib
import hmac
import struct

_MASK = (1 << 64) - 1
START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
LENGTH = 8 << 56
"""Last block of a message of eight bytes."""


def value_key(fleet_key: bytes, type_: str) -> tuple[int, int]:
    """Return the key of hashes of numbers of *type_*; citizen and family have one form, one key."""
    name = "nik" if type_ == "kk" else type_
    digest = hmac.digest(fleet_key, b"number hash\0" + name.encode(), hashlib.sha256)
    first, second = struct.unpack("<QQ", digest[:16])
    return first, second


def hash_number(key: tuple[int, int], value: int) -> int:
    """Return the hash of *value*, below 2**64."""
    state = [start ^ part for start, part in zip(START, key * 2, strict=True)]
    for block in (value, LENGTH):
        state[3] ^= block
        _rounds(state, 2)
        state[0] ^= block
    state[2] ^= 0xFF
    _rounds(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _rounds(v: list[int], count: int) -> None:
    for _ in range(count):
        v[0] = (v[0] + v[1]) & _MASK
        v[1] = _turn(v[1], 13) ^ v[0]
        v[0] = _turn(v[0], 32)
        v[2] = (v[2] + v[3]) & _MASK
        v[3] = _turn(v[3], 16) ^ v[2]
        v[0] = (v[0] + v[3]) & _MASK
        v[3] = _turn(v[3], 21) ^ v[0]
        v[2] = (v[2] + v[1]) & _MASK
        v[1] = _turn(v[1], 17) ^ v[2]
        v[2] = _turn(v[2], 32)


def _turn(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK
