"""BPJS Kesehatan: 13 digits of the national health insurance card (JKN-KIS)."""

from __future__ import annotations

from signatures.identifiers.base import Identifier, digits_only


def validate(value: str) -> bool:
    """Cards begin with 00; no check digit."""
    return len(value) == 13 and value.startswith("00") and len(set(value)) > 2


BPJS = Identifier(
    name="bpjs",
    shapes=("[0-9]{13}",),
    normalise=digits_only,
    validate=validate,
    keys=(
        "bpjs",
        "kartubpjs",
        "nokartu",
        "no_kartu",
        "psnoka",
        "noka",
        "jkn",
        "kis",
        "no_bpjs",
        "peserta_jkn",
    ),
    chance=0.01,
    weight=45,
    source="Form as printed on cards; no published check digit",
    named=True,
)
