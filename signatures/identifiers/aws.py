"""Keys of Amazon Web Services: access key identifiers and assigned secret keys."""

from __future__ import annotations

import re

from signatures.identifiers.base import Finder, Identifier, Spans, begun, is_varied

_ID = re.compile(rb"(?<![A-Za-z0-9/+])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9/+=])")
_SECRET = re.compile(
    rb"(?i:aws_secret_access_key|secretaccesskey)['\"]?[ \t]{0,8}[=:][ \t]{0,8}['\"]?"
    rb"([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
)


_find_ids = begun(_ID, (b"AKIA", b"ASIA"))
_find_secrets = begun(_SECRET, (b"aws_secret_access_key", b"secretaccesskey"), fold=True)


def _find(data: bytes) -> Spans:
    yield from _find_ids(data)
    yield from _find_secrets(data)


def validate(value: str) -> bool:
    """Tell whether it is varied, and no sample of the documentation (they end in EXAMPLE)."""
    return is_varied(value, 7) and "EXAMPLE" not in value


AWS_KEY = Identifier(
    name="aws_key",
    shapes=(),
    normalise=str,
    validate=validate,
    keys=("aws_access_key_id", "aws_secret_access_key"),
    chance=6e-7,
    weight=75,
    source="AWS Identity and Access Management user guide, unique identifiers",
)

FINDER = Finder(
    "aws_key",
    AWS_KEY,
    _find,
    0.95,
    (b"AKIA", b"ASIA", b"secret_access", b"SECRET_ACCESS"),
)
