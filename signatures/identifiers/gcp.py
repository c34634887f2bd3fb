"""Keys of Google Cloud: API keys and service accounts."""

from __future__ import annotations

import re

from signatures.identifiers.base import Finder, Identifier, every, is_varied

_API = re.compile(rb"(?<![A-Za-z0-9_-])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])")
_ACCOUNT = re.compile(rb"\"private_key_id\"\s{0,8}:\s{0,8}\"([0-9a-f]{40})\"")
# Google's introduction to the webhooks of Chat prints it, and many programs copy that.
_SAMPLES = frozenset({"AIzaSyDdI0hCZtE6vySjMm-WEfRq3CPzqKqqsHI"})


def validate(value: str) -> bool:
    """Tell whether it is varied, as placeholders are not, and no sample of the documentation."""
    return is_varied(value, 7) and value not in _SAMPLES


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

FINDER = Finder("gcp_key", GCP_KEY, every(_API, _ACCOUNT), 0.9, (b"AIza",))
