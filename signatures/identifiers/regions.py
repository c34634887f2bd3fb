"""Region codes of the ministry of the interior (Kemendagri), as they begin a NIK."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

_DATA = os.path.join(os.path.dirname(__file__), "data", "regions.txt")


@functools.cache
def districts() -> Mapping[str, str]:
    """Return regency (4 digits) to its districts (2 digits each, joined; empty when unknown)."""
    table: dict[str, str] = {}
    with open(_DATA, encoding="ascii") as lines:
        for line in lines:
            if line[:1].isdigit():
                table[line[:4]] = line[5:].strip()
    return table


def is_regency(code: str) -> bool:
    """Tell whether *code* (4 digits) is or was a regency or city."""
    return code in districts()


def is_district(code: str) -> bool:
    """Tell whether *code* (6 digits) is a district of today. Raises confidence, never decides."""
    known = districts().get(code[:4], "")
    return code[4:6] in {known[at : at + 2] for at in range(0, len(known), 2)}
