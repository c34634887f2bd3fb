"""NPWP: the number of a taxpayer, 15 digits, or 16 with a leading zero (PMK 112/2022)."""

from __future__ import annotations

from signatures.identifiers.base import Identifier, digits_only, luhn

FORMATTED = "[0-9]{2}[.][0-9]{3}[.][0-9]{3}[.][0-9][-.][0-9]{3}[.][0-9]{3}"


def normalise(text: str) -> str:
    """Return the 15 digits; the 16-digit form of others than citizens loses its zero."""
    digits = digits_only(text)
    return digits[1:] if len(digits) == 16 and digits[0] == "0" else digits


def validate(value: str) -> bool:
    """Check digit (Luhn over the first 9), tax office present, not one digit repeated."""
    return (
        len(value) == 15
        and value[9:12] != "000"
        and value[2:8] != "000000"
        and len(set(value)) > 2
        and luhn(value[:9])
    )


NPWP = Identifier(
    name="npwp",
    shapes=(FORMATTED, "0?[0-9]{15}"),
    normalise=normalise,
    validate=validate,
    keys=("npwp", "nonpwp", "wajib_pajak", "pokok_wajib_pajak"),
    chance=0.1,
    weight=35,
    source="UU 6/1983 as amended; PMK 112/2022",
)
