"""CodeIgniter: the password in ``database.php`` (versions 2 to 4)."""

from __future__ import annotations

import re

from signatures.identifiers.assignment import PASSWORD
from signatures.identifiers.base import Finder, Spans

_NEAR = 700
_ITEM = re.compile(
    rb"(?:\['password'\]\s{0,8}=|['\"]password['\"]\s{0,20}=>)\s{0,8}(?:'([^'\r\n]{1,128})'|\"([^\"\r\n]{1,128})\")"
)
_CONFIGURATION = re.compile(rb"(?i)['\"](?:dbdriver|hostname)['\"]")


def find_passwords(data: bytes) -> Spans:
    """Yield begin and end of each password that stands beside a database driver or host."""
    for match in _ITEM.finditer(data):
        if _CONFIGURATION.search(data, max(0, match.start() - _NEAR), match.end() + _NEAR):
            yield match.span(match.lastindex or 0)


FINDER = Finder("codeigniter", PASSWORD, find_passwords, 0.85)
"""Source: CodeIgniter user guide, "Database Configuration"."""
