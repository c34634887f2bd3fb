"""Addresses of electronic mail. Everywhere: counted only beside other personal data."""

from __future__ import annotations

import re

from signatures.identifiers.base import Identifier, Spans

# Found backwards from "@": a forward search would try at every letter.
_DOMAIN = re.compile(rb"@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,12})\b")
_LOCAL = re.compile(rb"[A-Za-z0-9._%+-]{1,64}\Z")
_NOBODY = ("example.com", "example.org", "example.net", "domain.com", "email.com", "test.com")


def normalise(text: str) -> str:
    """Return it in lower case."""
    return text.lower()


def validate(value: str) -> bool:
    """Tell whether it is one of a person rather than of documentation."""
    local, _, domain = value.rpartition("@")
    return bool(local) and not local.startswith(".") and domain not in _NOBODY


def find_emails(data: bytes) -> Spans:
    """Yield begin and end of every address."""
    at = -1
    # bytes.find, for it is many times as fast as a pattern that begins with one character.
    while (at := data.find(b"@", at + 1)) >= 0:
        match = _DOMAIN.match(data, at)
        if match is None:
            continue
        at = match.end() - 1
        local = _LOCAL.search(data[max(0, match.start() - 64) : match.start()])
        if local:
            yield match.start() - len(local.group()), match.end()


EMAIL = Identifier(
    name="email",
    shapes=(),
    normalise=normalise,
    validate=validate,
    keys=("email", "e_mail", "surel", "mail"),
    chance=0.0,
    weight=5,
    source="RFC 5322 section 3.4.1",
    named=True,
)
