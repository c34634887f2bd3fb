"""NIB: 13 digits of a registered business (OSS)."""

from __future__ import annotations

from signatures.identifiers.base import Identifier, digits_only


def validate(value: str) -> bool:
    """Nothing but the length is known: the name of the column decides."""
    return len(value) == 13 and len(set(value)) > 2


NIB = Identifier(
    name="nib",
    shapes=("[0-9]{13}",),
    normalise=digits_only,
    validate=validate,
    keys=("nib", "no_nib", "nomor_induk_berusaha"),
    chance=0.999,
    weight=10,
    source="PP 5/2021 art. 176: 13 digits",
    named=True,
)
