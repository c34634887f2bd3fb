"""What in a list of accounts matters to the whole host: see passwd(5) and shadow(5). Pure.

Numbers are read as the C library reads them (nss_files, strtoul in base 10): blanks in front, a
sign and leading zeros are all the same number.
"""

from __future__ import annotations

import re

from collectors.content.line_forms import PASSWD, PASSWORDLESS, SUPERUSER
from collectors.redact import escape
from signatures.identifiers.hiding import hide

_ZERO = re.compile(rb"[ \t\v\f\r]*[+-]?0+")
_LONGEST = 64
_HIDDEN = "****"


def notable(line: bytes, kind: str, *, first: bool) -> list[str]:
    """Return what is notable about a line of *kind*; *first*: no root has come before it."""
    fields = line.split(b":")
    if len(fields) < 3 or line.startswith((b"#", b"+", b"-")):  # NIS entries add others' accounts
        return []
    found = []
    if kind == PASSWD and _ZERO.fullmatch(fields[2]) and not (first and fields[0] == b"root"):
        found.append(SUPERUSER)
    if not fields[1]:
        found.append(PASSWORDLESS)
    return found


def look(raw: list[bytes], kind: str) -> list[tuple[int, str, str]]:
    """Return number of the line, what is notable and the account, which may be shown as it is."""
    found = []
    first = True
    for number, line in enumerate(raw):
        name = line.partition(b":")[0]
        found += [(number, what, _shown(name)) for what in notable(line, kind, first=first)]
        first = first and name != b"root"
    return found


def _shown(name: bytes) -> str:
    if hide(name):
        return _HIDDEN
    return escape(name.decode("utf-8", "surrogateescape"))[:_LONGEST]
