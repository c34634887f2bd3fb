"""Passwords and application keys that are assigned by name: .env files, Laravel, WordPress.

Not part of `signatures.identifiers.find`: the name before the value is what makes it a credential.
"""

from __future__ import annotations

import re

from signatures.identifiers.base import Identifier, every

_PASSWORD = re.compile(
    rb"\b(?:[A-Z][A-Z0-9]{0,20}_)?(?:DB|DATABASE|MYSQL|MYSQL_ROOT|POSTGRES|PG|MAIL|SMTP|REDIS|FTP"
    rb"|LDAP|SSH|ADMIN|ROOT|MONGO|MONGO_INITDB_ROOT)_?PASS(?:WORD|WD)?['\"]?"
    rb"[ \t]{0,8}(?:=|:|,|=>)[ \t]{0,8}"
    rb"(?:\"([^\"\r\n]{1,128})\"|'([^'\r\n]{1,128})'|([^\s'\"#;]{1,128}))"
)
_APP_KEY = re.compile(rb"\bAPP_KEY[ \t]{0,4}=[ \t]{0,4}['\"]?base64:([A-Za-z0-9+/]{43}=)")
_CALL = re.compile(
    r"\A[$<%\[({]|\$\{|\{\{|%\(|\(\)|\A[A-Za-z_.:>-]{1,40}\(|\A(?:\*+|x+)\Z", re.IGNORECASE
)
_CONSTANT = re.compile(r"[A-Z]+(?:_[A-Z]+)+")
"""The name of a constant that holds the password: ``FTP_PASS``."""
_PLACEHOLDERS = """
password passwd pass secret null none false true changeme change_me changethis required example
your_password yourpassword password_here yourpasswordhere test xxxx string root
"""
_WORDS = frozenset(_PLACEHOLDERS.split())


def validate_password(value: str) -> bool:
    """Tell whether the value is a password, not a call, a template or a placeholder."""
    return (
        len(value) >= 4
        and len(set(value)) >= 3
        and not _CALL.search(value)
        and value.lower() not in _WORDS
        and not _CONSTANT.fullmatch(value.rstrip(",)"))
    )


def validate_app_key(value: str) -> bool:
    """Tell whether the 32 bytes are not one repeated character."""
    return len(set(value)) >= 10


find_passwords = every(_PASSWORD)
"""Finds each assigned password."""


find_app_keys = every(_APP_KEY)
"""Finds each Laravel application key."""

PASSWORD = Identifier(
    name="password",
    shapes=(),
    normalise=str,
    validate=validate_password,
    keys=("password", "passwd"),
    chance=0.0,
    weight=60,
    source="twelve-factor .env files; wp-config.php",
)

APP_KEY = Identifier(
    name="app_key",
    shapes=(),
    normalise=str,
    validate=validate_app_key,
    keys=("app_key",),
    chance=0.0,
    weight=60,
    source="Laravel: php artisan key:generate",
)
