"""SIM: 12 to 14 digits of a driving licence."""

from __future__ import annotations

from signatures.identifiers.base import Identifier, digits_only


def validate(value: str) -> bool:
    """Year and month of birth, then a serial; no check digit."""
    return 12 <= len(value) <= 14 and 1 <= int(value[2:4]) <= 12 and len(set(value)) > 2


SIM = Identifier(
    name="sim",
    shapes=("[0-9]{14}", "[0-9]{13}", "[0-9]{12}"),
    normalise=digits_only,
    validate=validate,
    keys=("sim", "no_sim", "nosim", "nomor_sim"),
    chance=0.12,
    weight=40,
    source="Perpol 5/2021; form as printed on licences",
    named=True,
)
