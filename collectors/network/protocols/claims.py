"""Who somebody says to be, whatever protocol says it."""

from __future__ import annotations

import binascii
from typing import NamedTuple

_LONGEST = 4096


class Claim(NamedTuple):
    """A name and what is to prove it."""

    method: str
    user: str
    secret: bytes
    """The password, where it is in clear."""
    cleartext: bool


def base64_bytes(value: bytes) -> bytes:
    """Undo base64, with or without its padding; empty where it is none."""
    raw = value.strip()[:_LONGEST]
    try:
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return b""
