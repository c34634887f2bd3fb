"""KPJ: 11 digits of a member of the workers' insurance (BPJS Ketenagakerjaan)."""

from __future__ import annotations

from signatures.identifiers.base import Identifier, digits_only


def validate(value: str) -> bool:
    """Nothing but the length is known: the name of the column decides."""
    return len(value) == 11 and len(set(value)) > 2


KPJ = Identifier(
    name="kpj",
    shapes=("[0-9]{11}",),
    normalise=digits_only,
    validate=validate,
    keys=("kpj", "no_kpj", "nomor_kpj", "bpjs_tk", "bpjstk", "jamsostek"),
    chance=0.999,
    weight=40,
    source="Form as printed on cards; no published check digit",
    named=True,
)
