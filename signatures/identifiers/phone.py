"""Mobile numbers: +62, 62 or 0, an operator's prefix, the subscriber."""

from __future__ import annotations

from signatures.identifiers.base import Identifier, digits_only

PREFIXES = frozenset(
    str(prefix)
    for block in (
        range(811, 820),
        range(821, 824),
        range(831, 834),
        (838,),
        range(851, 854),
        range(855, 860),
        (877, 878, 879),
        range(881, 890),
        range(895, 900),
    )
    for prefix in block
)
"""As assigned to Telkomsel, Indosat Ooredoo Hutchison, XL, Smartfren and their predecessors."""


def normalise(text: str) -> str:
    """Return the international form without a plus: 62 and the rest."""
    digits = digits_only(text)
    return f"62{digits[1:]}" if digits.startswith("0") else digits


def validate(value: str) -> bool:
    """Operator's prefix, 9 to 12 digits after the country's code, not one digit repeated."""
    return (
        11 <= len(value) <= 14
        and value.startswith("62")
        and value[2:5] in PREFIXES
        and len(set(value[5:])) > 1
    )


PHONE = Identifier(
    name="phone",
    shapes=(
        "(?:08|628)[0-9]{11}",
        "(?:08|628)[0-9]{10}",
        "(?:08|628)[0-9]{9}",
        "08[0-9]{8}",
        "08[0-9]{2}[ ._-][0-9]{4}[ ._-][0-9]{3,5}",
        "628[0-9]{2}[ ._-][0-9]{4}[ ._-][0-9]{3,5}",
        "62[ ._-]8[0-9]{2}[ ._-][0-9]{4}[ ._-][0-9]{3,5}",
    ),
    normalise=normalise,
    validate=validate,
    keys=(
        *("hp", "nohp", "telepon", "telp", "notelp", "tlp", "phone", "ponsel", "handphone"),
        *("whatsapp", "wa", "nowa", "msisdn", "mobile", "seluler"),
    ),
    chance=0.39,
    weight=15,
    source="Permenkominfo 14/2018 (Fundamental Technical Plan); operators' lists of prefixes",
    named=True,
)
