"""Keys of Google Cloud: API keys and service accounts."""

from __future__ import annotations

import re

from signatures.identifiers.base import Finder, Identifier, Spans, is_varied

_API = re.compile(rb"(?<![A-Za-z0-9_-])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])")
_ACCOUNT = re.compile(rb"\"private_key_id\"\s{0,8}:\s{0,8}\"([0-9a-f]{40})\"")


def validate(value: str) -> bool:
    """Tell whether it is varied: placeholders are not."""
    return is_varied(value, 7)


def find_keys(data: bytes) -> Spans:
    """Yield begin and end of each API key and each service account's key identifier."""
    for match in _API.finditer(data):
        yield match.span()
    for match in _ACCOUNT.finditer(data):
        yield match.span(1)


GCP_KEY = Identifier(
    name="gcp_key",
    shapes=(),
    normalise=str,
    validate=validate,
    keys=("google_api_key", "private_key_id"),
    chance=6e-8,
    weight=60,
    source="Google Cloud documentation: API keys; service account keys",
)

FINDER = Finder("gcp_key", GCP_KEY, find_keys, 0.9, (b"AIza",))
