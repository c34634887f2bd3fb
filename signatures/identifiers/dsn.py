"""Connection strings with a password in them: ``scheme://user:password@host``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from signatures.identifiers.base import Identifier

GATE = b"://"

# The scheme is found backwards from "://": a forward search would try at every letter.
_CREDENTIALS = re.compile(
    rb"://[^\s/:@'\"<>?]{0,64}:([^\s/'\"<>?]{1,128})@[A-Za-z0-9\[][^\s'\"<>,;)\\]{0,253}"
)
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]{1,30}\Z")
_TEMPLATE = re.compile(r"[$%{}<>*]|\A(?:x+|\.+|-+)\Z")
_WORDS = frozenset(
    {
        "password",
        "passwd",
        "pass",
        "pwd",
        "secret",
        "user",
        "pw",
        "your_password",
        "pword",
        "passwort",
    }
)
_SAMPLE_HOST = re.compile(
    r"\A(?:[a-z0-9.-]*\bexample(?:\.[a-z]{2,4})?|host(?:name)?|server|domain|proxy|some[a-z-]*)\b"
)


def normalise(text: str) -> str:
    """Return *text*: a connection string is tokenised as it stands."""
    return text


def validate(value: str) -> bool:
    """Tell whether the password is one, not a template or the word for it."""
    _, _, rest = value.partition("://")
    _, _, rest = rest.partition(":")
    password, at, host = rest.rpartition("@")
    return (
        bool(at)
        and password.lower() not in _WORDS
        and not _TEMPLATE.search(password)
        and not _SAMPLE_HOST.match(host.lower())
    )


def find_dsns(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield begin and end of every connection string with credentials in *data*."""
    for match in _CREDENTIALS.finditer(data):
        scheme = _SCHEME.search(data[max(0, match.start() - 32) : match.start()])
        if scheme:
            yield match.start() - len(scheme.group()), match.end()


DSN = Identifier(
    name="dsn",
    shapes=(),
    normalise=normalise,
    validate=validate,
    keys=("dsn", "database_url", "connection_string"),
    atoms=("://",),
    chance=0.0,
    weight=70,
    standalone=True,
    source="RFC 3986 section 3.2.1",
)
