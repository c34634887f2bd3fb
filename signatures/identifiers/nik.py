"""NIK: the number of every citizen (Nomor Induk Kependudukan)."""

from __future__ import annotations

from signatures.identifiers.base import Identifier, digits_only, is_date
from signatures.identifiers.regions import is_regency

PLAIN = "[1-9][0-9]{15}"
SEPARATED = (
    "[1-9][0-9]{5}[ ._-][0-9]{6}[ ._-][0-9]{4}",
    "[1-9][0-9]{3}[ ._-][0-9]{4}[ ._-][0-9]{4}[ ._-][0-9]{4}",
    "[1-9][0-9][ ._-][0-9]{2}[ ._-][0-9]{2}[ ._-][0-9]{6}[ ._-][0-9]{4}",
    "[1-9][0-9]{5}[ ._-][0-9]{2}[ ._-][0-9]{2}[ ._-][0-9]{2}[ ._-][0-9]{4}",
)


def validate(value: str) -> bool:
    """Check region, date of birth (women: day + 40) and serial of 16 digits."""
    if len(value) != 16 or not is_regency(value[:4]) or value[12:] == "0000":
        return False
    if len(set(value)) == 1:  # 1111111111111111 would be a man of Bireuen
        return False
    day = int(value[6:8])
    return is_date(day - 40 if day > 40 else day, int(value[8:10]), int(value[10:12]))


NIK = Identifier(
    name="nik",
    shapes=(PLAIN, *SEPARATED),
    normalise=digits_only,
    validate=validate,
    keys=(
        "nik",
        "ktp",
        "ektp",
        "e_ktp",
        "noktp",
        "nonik",
        "niktp",
        "nikktp",
        "induk_kependudukan",
        "nomor_induk_penduduk",
        "no_induk_kependudukan",
        "id_penduduk",
        "nik_ibu",
        "nik_ayah",
        "psnoka_nik",
    ),
    chance=0.0042,
    weight=60,
    source="UU 23/2006 art. 13 with UU 24/2013; Perpres 25/2008 art. 37; no checksum",
)
