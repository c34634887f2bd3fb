"""Hashes of passwords in htpasswd and shadow files: they are guessed offline."""

from __future__ import annotations

import re

from signatures.identifiers.base import Finder, Identifier, every

_LINE = re.compile(
    rb"(?m)^[A-Za-z0-9_.@-]{1,64}:(\$(?:1|5|6|apr1)\$[^$:\s]{1,40}\$[A-Za-z0-9./]{22,86}"
    rb"|\$(?:5|6)\$rounds=[0-9]{4,9}\$[^$:\s]{1,16}\$[A-Za-z0-9./]{43,86}"
    rb"|\$2[aby]\$[0-9]{2}\$[A-Za-z0-9./]{53}|\$y\$[A-Za-z0-9./]{2,8}\$[A-Za-z0-9./]{1,86}\$[A-Za-z0-9./]{43}"
    rb"|\{SHA\}[A-Za-z0-9+/]{27}=)(?=[:\r\n]|\Z)"
)


def validate(value: str) -> bool:
    """Tell whether the hash is varied: crypt's alphabet is used evenly."""
    return len(set(value.rpartition("$")[2])) >= 10


PASSWORD_HASH = Identifier(
    name="password_hash",
    shapes=(),
    normalise=str,
    validate=validate,
    keys=("htpasswd", "shadow"),
    chance=1e-9,
    weight=50,
    source="crypt(5); shadow(5); Apache htpasswd",
)

FINDER = Finder("password_hash", PASSWORD_HASH, every(_LINE), 0.95, (b":$", b":{SHA}"))
