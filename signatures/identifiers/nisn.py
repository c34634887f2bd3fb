"""NISN: 10 digits of a pupil, the first three from the year of birth."""

from __future__ import annotations

from signatures.identifiers.base import Identifier, digits_only

BORN = tuple(f"{year % 1000:03d}" for year in range(1985, 2026))


def validate(value: str) -> bool:
    """Last three digits of a year of birth from 1985 to 2025, then a serial."""
    return len(value) == 10 and value.startswith(BORN) and len(set(value[3:])) > 1


NISN = Identifier(
    name="nisn",
    shapes=("[0-9]{10}",),
    normalise=digits_only,
    validate=validate,
    keys=("nisn", "no_nisn", "nomor_induk_siswa_nasional"),
    chance=0.041,
    weight=35,
    source="Permendikbud 79/2015 (Data Pokok Pendidikan)",
    named=True,
)
