"""Everything that is found as text and stands by itself: credentials, markings, registers."""

from __future__ import annotations

from signatures.identifiers import (
    aws,
    azure,
    codeigniter,
    dsn,
    gcp,
    git,
    jwt,
    keepass,
    marking,
    password_hash,
    payment,
    private_key,
    putty,
    registers,
    secret,
    telegram,
)
from signatures.identifiers.assignment import APP_KEY, PASSWORD, find_app_keys, find_passwords
from signatures.identifiers.base import Finder

CREDENTIAL_FINDERS = (
    Finder("private_key", private_key.PRIVATE_KEY, private_key.find_keys, 0.99),
    putty.FINDER,
    Finder("dsn", dsn.DSN, dsn.find_dsns, 0.9, telling=dsn.is_telling),
    Finder("app_key", APP_KEY, find_app_keys, 0.95, (b"APP_KEY",)),
    Finder("password", PASSWORD, find_passwords, 0.8, (b"PASS",)),
    codeigniter.FINDER,
    aws.FINDER,
    gcp.FINDER,
    azure.FINDER,
    jwt.FINDER,
    telegram.FINDER,
    payment.FINDER,
    git.FINDER,
    password_hash.FINDER,
    keepass.FINDER,
    secret.FINDER,
)
FINDERS = (*CREDENTIAL_FINDERS, marking.FINDER, *registers.FINDERS)
"""By YARA rule; two may report one type."""

CREDENTIALS = frozenset(finder.identifier.name for finder in CREDENTIAL_FINDERS)
"""Types that open something: what they open has to get a new lock."""
