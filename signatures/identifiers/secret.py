"""Secrets and tokens that are assigned by name in .env files and their like."""

from __future__ import annotations

import re

from signatures.identifiers.base import Finder, Identifier, Spans, is_varied

_ASSIGNED = re.compile(
    rb"(?<![A-Za-z0-9_])[A-Z][A-Z0-9_]{0,40}_?"
    rb"(?:SECRET|SECRET_KEY|API_KEY|API_TOKEN|ACCESS_TOKEN|AUTH_TOKEN"
    rb"|SIGNING_KEY|ENCRYPTION_KEY)"
    rb"[ \t]{0,4}[=:][ \t]{0,4}['\"]?([A-Za-z0-9+/_.~-]{20,128}={0,2})(?![^\s'\",;])"
)


def validate(value: str) -> bool:
    """Tell whether it looks random: letters and digits, neither words nor a path nor a call."""
    return (
        is_varied(value, 12)
        and any(char.isdigit() for char in value)
        and any(char.isalpha() for char in value)
        and value.count("/") < 3
        and value.count(".") < 2
        and value.count("_") + value.count("-") < 4
    )


def find_secrets(data: bytes) -> Spans:
    """Yield begin and end of each assigned value."""
    for match in _ASSIGNED.finditer(data):
        yield match.span(1)


SECRET = Identifier(
    name="secret",
    shapes=(),
    normalise=str,
    validate=validate,
    keys=("secret", "secret_key", "api_key", "access_token"),
    chance=0.0,
    weight=50,
    source="twelve-factor .env files; Laravel, Django and Node samples",
)

FINDER = Finder("secret", SECRET, find_secrets, 0.75, (b"SECRET", b"_KEY", b"_TOKEN"))
