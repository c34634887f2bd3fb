"""KK: the number of a family card. Shaped like a NIK; only a key tells them apart."""

from __future__ import annotations

from signatures.identifiers import nik
from signatures.identifiers.base import Identifier, digits_only


def validate(value: str) -> bool:
    """Check region, date of recording and serial of 16 digits."""
    return nik.validate(value) and value[6] <= "3"


KK = Identifier(
    name="kk",
    shapes=nik.NIK.shapes,
    normalise=digits_only,
    validate=validate,
    keys=("kk", "nokk", "nkk", "kartu_keluarga", "no_kartu_keluarga", "nomor_keluarga"),
    chance=0.0021,
    weight=50,
    source="Perpres 25/2008; Permendagri 109/2019; no checksum",
)
