"""Private keys in PEM or OpenPGP armour, also with escaped line ends as in JSON and .env."""

from __future__ import annotations

import re
from collections.abc import Iterator

from signatures.identifiers.base import Identifier

GATE = b"PRIVATE KEY"
_LONGEST = 16 << 10
_HEADER = re.compile(rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_BODY = re.compile(rb"(?:[A-Za-z0-9+/=\s]|\\[nr]|[A-Za-z-]{1,20}: [^\n\\]{1,100}(?:\n|\\n))*")
_FOOTER = re.compile(rb"-----END [A-Z0-9 ]{0,40}-----")
_NOISE = re.compile(r"-----[^-]*-----|[A-Za-z-]{1,20}: [^\n\\]*|\\[nr]|\s")


def normalise(text: str) -> str:
    """Return the base64 body alone."""
    return _NOISE.sub("", text)


def validate(value: str) -> bool:
    """Tell whether the body is long and varied enough for a key rather than an example."""
    return len(value) >= 64 and len(set(value)) >= 20


def find_keys(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield begin and end of every armoured private key in *data*, footer included."""
    for header in _HEADER.finditer(data):
        body = _BODY.match(data, header.end(), header.end() + _LONGEST)
        end = body.end() if body else header.end()
        footer = _FOOTER.match(data, end)
        yield header.start(), footer.end() if footer else end


PRIVATE_KEY = Identifier(
    name="private_key",
    shapes=(),
    normalise=normalise,
    validate=validate,
    keys=("private_key", "privatekey", "ssh_key"),
    chance=0.0,
    weight=80,
    source="RFC 7468; RFC 9580 section 6.2",
)
