"""Bank accounts: 10 to 16 digits under a name for accounts, a bank's name nearby."""

from __future__ import annotations

import re

from signatures.identifiers.base import Identifier, digits_only

BANK = re.compile(
    rb"(?i)\b(?:bri|bni|bca|bsi|btn|mandiri|cimb|danamon|permata|mega|bukopin|muamalat|maybank"
    rb"|panin|ocbc|bpd|bjb|dki|jatim|jateng|sumut|nagari|bank[ _-]?(?:jambi|[a-z]{3,12}))\b"
)
"""A digit string alone is no account: it needs its bank within some hundred bytes."""


def validate(value: str) -> bool:
    """Nothing but the length is known: column and bank decide."""
    return 10 <= len(value) <= 16 and len(set(value)) > 2


BANK_ACCOUNT = Identifier(
    name="bank_account",
    shapes=tuple(f"[0-9]{{{count}}}" for count in range(16, 9, -1)),
    normalise=digits_only,
    validate=validate,
    keys=(
        *("rekening", "norek", "no_rek", "nomor_rek", "rek", "norekening"),
        *("account_number", "bank_account"),
    ),
    chance=0.999,
    weight=35,
    source="Lengths as the banks publish them: BCA 10, BNI 10, Mandiri 13, BRI 15",
    named=True,
)
