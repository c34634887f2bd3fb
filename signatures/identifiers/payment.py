"""Secret keys of payment gateways: Midtrans, Xendit, DOKU."""

from __future__ import annotations

import re

from signatures.identifiers.base import Finder, Identifier, Spans, is_varied

_KEYS = (
    re.compile(rb"(?<![A-Za-z0-9])(?:SB-)?Mid-server-[A-Za-z0-9_-]{20,40}(?![A-Za-z0-9_-])"),
    re.compile(rb"(?<![A-Za-z0-9])xnd_(?:production|development)_[A-Za-z0-9+/]{40,100}={0,2}"),
    re.compile(rb"(?<![A-Za-z0-9-])SK-[A-Za-z0-9]{16,40}(?![A-Za-z0-9-])"),
)
_PREFIX = re.compile(r"\A(?:(?:SB-)?Mid-server-|xnd_(?:production|development)_|SK-)")
_NEAR_DOKU = re.compile(rb"(?i)doku|jokul")


def validate(value: str) -> bool:
    """Tell whether what follows the prefix is varied."""
    return is_varied(_PREFIX.sub("", value), 10)


def find_keys(data: bytes) -> Spans:
    """Yield begin and end of each key; DOKU's short prefix needs its name nearby."""
    for pattern in _KEYS:
        for match in pattern.finditer(data):
            around = data[max(0, match.start() - 300) : match.end() + 300]
            if data[match.start() : match.start() + 3] != b"SK-" or _NEAR_DOKU.search(around):
                yield match.span()


PAYMENT_KEY = Identifier(
    name="payment_key",
    shapes=(),
    normalise=str,
    validate=validate,
    keys=("server_key", "midtrans_server_key", "xendit_key", "doku_secret_key"),
    chance=1e-9,
    weight=75,
    source="Midtrans, Xendit and DOKU: documentation of API keys",
)

FINDER = Finder("payment_key", PAYMENT_KEY, find_keys, 0.95, (b"Mid-server-", b"xnd_", b"SK-"))
