"""Keys of Azure: storage accounts, shared access, client secrets."""

from __future__ import annotations

import re

from signatures.identifiers.base import Finder, Identifier, every, is_varied

_ACCOUNT = re.compile(
    rb"(?:Account|SharedAccess)Key=([A-Za-z0-9+/]{86}==|[A-Za-z0-9+/]{43}=)(?![A-Za-z0-9+/=])"
)
_CLIENT = re.compile(
    rb"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{34}(?![A-Za-z0-9_~.-])"
)
# The storage emulator's key, printed in its documentation.
_EMULATOR = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq"


def validate(value: str) -> bool:
    """Tell whether it is varied and not the emulator's."""
    return is_varied(value, 15) and not value.startswith(_EMULATOR)


AZURE_KEY = Identifier(
    name="azure_key",
    shapes=(),
    normalise=str,
    validate=validate,
    keys=("account_key", "accountkey"),
    chance=4e-6,
    weight=75,
    source="Azure Storage documentation: connection strings; Entra client secrets",
)

FINDER = Finder(
    "azure_key", AZURE_KEY, every(_ACCOUNT, _CLIENT), 0.95, (b"AccountKey=", b"AccessKey=", b"8Q~")
)
