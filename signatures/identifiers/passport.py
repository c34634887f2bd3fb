"""Passports: one letter and seven digits, or two letters and six or seven."""

from __future__ import annotations

import re

from signatures.identifiers.base import Identifier, shaped

# Letters of the series printed so far, ordinary, electronic, official and diplomatic.
_NUMBER = re.compile(rb"[A-EXSUV][A-Z]?[0-9]{6,7}(?![A-Za-z0-9])")


def normalise(text: str) -> str:
    """Return *text*: it has one written form."""
    return text


def validate(value: str) -> bool:
    """Letters and digits in their number, more than one digit different."""
    letters = len(value) - len(value.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    digits = value[letters:]
    return (
        value[:1] in tuple("ABCDEXSUV")
        and (letters, len(digits)) in ((1, 7), (2, 6), (2, 7))
        and digits.isdigit()
        and len(set(digits)) > 1
        and digits != "1234567"
    )


find_passports = shaped(_NUMBER, (b"A000000",), ahead=1)
"""Finds whatever has the form."""

PASSPORT = Identifier(
    name="passport",
    shapes=(),
    normalise=normalise,
    validate=validate,
    keys=("paspor", "passport", "passpor", "no_paspor", "nopaspor"),
    chance=0.35,
    weight=45,
    source="ICAO Doc 9303 part 3; Permenkumham 8/2014 with its amendments",
    named=True,
)
