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
_TEMPLATE = re.compile(
    r"\$[{(]|\A\$\w+\Z|\{\{|%\(|\A%s\Z|<|>|\A\{[A-Za-z_.]*\}\Z|\A(?:x+|\.+|-+|\*+)\Z", re.IGNORECASE
)
_PLACEHOLDERS = frozenset(
    {"password", "passwd", "pass", "pwd", "secret", "user", "pw", "pword", "your_password"}
)
_SAMPLE_HOST = re.compile(
    r"(?:[a-z0-9-]{1,60}\.){0,4}"
    r"(?:example(?:\.[a-z]{2,4})?|host(?:name)?|server|domain|proxy|company)\b"
)
_NAMES = """
amqp amqps cassandra clickhouse elasticsearch ftp ftps git http https imap imaps jdbc kafka ldap
ldaps mariadb memcached mongodb mqtt mqtts mssql mysql mysqli nats oracle pgsql postgres postgresql
redis rediss sftp smtp smtps sqlserver ssh svn
"""
_SERVICES = frozenset(_NAMES.split())
_WEB = frozenset({"http", "https", "ftp", "git", "svn"})


def normalise(text: str) -> str:
    """Return *text*: a connection string is tokenised as it stands."""
    return text


def _parts(value: str) -> tuple[str, str, str]:
    scheme, _, rest = value.partition("://")
    _, _, rest = rest.partition(":")
    password, _, host = rest.rpartition("@")
    return scheme, password, host


def validate(value: str) -> bool:
    """Tell whether the password is one, not a template or the word for it."""
    _, password, _ = _parts(value)
    return (
        bool(password) and password.lower() not in _PLACEHOLDERS and not _TEMPLATE.search(password)
    )


def is_telling(value: str) -> bool:
    """Tell whether a valid one gives access to a service, rather than explaining URLs.

    Stricter than `validate`, which decides what is masked in text.
    """
    scheme, password, host = _parts(value)
    kind = scheme.lower().partition("+")[0]
    return (
        kind in _SERVICES
        and len(password) >= (6 if kind in _WEB else 3)
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
    chance=0.0,
    weight=70,
    source="RFC 3986 section 3.2.1",
)
