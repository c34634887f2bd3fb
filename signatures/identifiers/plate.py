"""Number plates: region, one to four digits, one to three letters."""

from __future__ import annotations

import re

from signatures.identifiers.base import Identifier, shaped

_REGIONS = """
A AA AB AD AE AG B BA BB BD BE BG BH BK BL BM BN BP BR D DA DB DC DD DE DG DH DK DL DM DN DP DR DS
DT DW E EA EB ED F G H K KB KH KT KU L M N P PA PB PG PS PT R S T W Z
"""
REGIONS = frozenset(_REGIONS.split())
_NUMBER = re.compile(rb"[A-Z][A-Z]?[ -]?[1-9][0-9]{0,3}[ -]?[A-Z]{1,3}(?![A-Za-z0-9])")
_PARTS = re.compile(r"([A-Z]{1,2})([1-9][0-9]{0,3})([A-Z]{1,3})")


def normalise(text: str) -> str:
    """Return it without spaces and dashes."""
    return text.replace(" ", "").replace("-", "")


def validate(value: str) -> bool:
    """Tell whether the region exists and the parts have their lengths."""
    parts = _PARTS.fullmatch(value)
    return parts is not None and parts[1] in REGIONS


find_plates = shaped(_NUMBER, (b"A0", b"A 0", b"A-0"), ahead=1)
"""Finds whatever has the form."""

PLATE = Identifier(
    name="plate",
    shapes=(),
    normalise=normalise,
    validate=validate,
    keys=("nopol", "no_pol", "polisi", "nopolisi", "plat", "tnkb", "plate_number", "kendaraan"),
    chance=0.059,
    weight=15,
    source="Perpol 7/2021, annex on codes of regions",
    named=True,
)
