"""JSON Web Tokens: whoever holds one is its bearer."""

from __future__ import annotations

import binascii
import json
import re

from signatures.identifiers.base import Finder, Identifier, every

_TOKEN = re.compile(
    rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,8000}\.[A-Za-z0-9_-]{20,2000}"
)
# Claims of the tokens that jwt.io, RFC 7519 and the libraries' introductions print.
_SAMPLES = (b"John Doe", b"1234567890", b'"joe"', b"example", b'"some":"payload"')


def _decoded(part: str) -> bytes:
    try:
        return binascii.a2b_base64(
            part.replace("-", "+").replace("_", "/") + "=" * (-len(part) % 4)
        )
    except binascii.Error:
        return b""


def validate(value: str) -> bool:
    """Tell whether the head names an algorithm and the claims are no sample's."""
    head, _, rest = value.partition(".")
    claims, _, signature = rest.partition(".")
    try:
        algorithm = json.loads(_decoded(head)).get("alg", "none")
    except (ValueError, AttributeError, RecursionError):
        return False
    body = _decoded(claims)
    return (
        isinstance(algorithm, str)
        and algorithm.lower() != "none"
        and len(signature) >= 20
        and body[:1] == b"{"
        and not any(sample in body + body.replace(b" ", b"") for sample in _SAMPLES)
    )


JWT = Identifier(
    name="jwt",
    shapes=(),
    normalise=str,
    validate=validate,
    keys=("jwt", "bearer", "access_token", "id_token"),
    chance=1e-9,
    weight=40,
    source="RFC 7519; RFC 7515 section 3.1",
)

FINDER = Finder("jwt", JWT, every(_TOKEN), 0.85, (b"eyJ",))
