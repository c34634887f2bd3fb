"""NOP PBB: 18 digits of a taxed piece of land."""

from __future__ import annotations

from signatures.identifiers.base import Identifier, digits_only
from signatures.identifiers.regions import districts

PROVINCES = frozenset(code[:2] for code in districts())


def validate(value: str) -> bool:
    """Province, parts that are not zero, kind of object."""
    return (
        len(value) == 18
        and value[:2] in PROVINCES
        and "000" not in (value[4:7], value[7:10])
        and value[13:17] != "0000"
    )


NOP = Identifier(
    name="nop",
    shapes=(
        "[1-9][0-9]{17}",
        "[1-9][0-9][.][0-9]{2}[.][0-9]{3}[.][0-9]{3}[.][0-9]{3}[.-][0-9]{4}[.-][0-9]",
    ),
    normalise=digits_only,
    validate=validate,
    keys=("nop", "nop_pbb", "objek_pajak", "nomor_objek_pajak"),
    chance=0.42,
    weight=20,
    source="KMK 523/2000 and PER-38/PJ/2013: region, block, serial, kind",
    named=True,
)
