"""Payment card numbers (PAN): Visa, Mastercard, JCB, UnionPay with 16 digits, Amex with 15."""

from __future__ import annotations

from signatures.identifiers.base import Identifier, digits_only, luhn

PREFIXES = (
    "4",
    *(str(prefix) for prefix in range(51, 56)),
    *(str(prefix) for prefix in range(2221, 2721)),
    *(str(prefix) for prefix in range(3528, 3590)),
    "62",
)
AMEX = ("34", "37")

# Numbers that payment providers print in their documentation.
SAMPLES = frozenset(
    {
        "4111111111111111",
        "4242424242424242",
        "4012888888881881",
        "4000056655665556",
        "5555555555554444",
        "5105105105105100",
        "5200828282828210",
        "2223003122003222",
        "3566002020360505",
        "3530111333300000",
        "6200000000000005",
        "378282246310005",
        "371449635398431",
    }
)


def validate(value: str) -> bool:
    """Check issuer range, length and Luhn digit; samples are not cards."""
    if value in SAMPLES or len(set(value)) < 4:
        return False
    known = value.startswith(AMEX) if len(value) == 15 else value.startswith(PREFIXES)
    return len(value) in (15, 16) and known and luhn(value)


CARD = Identifier(
    name="card",
    shapes=(
        "[2-6][0-9]{15}",
        "[2-6][0-9]{3}[ ._-][0-9]{4}[ ._-][0-9]{4}[ ._-][0-9]{4}",
        "3[47][0-9]{13}",
        "3[47][0-9]{2}[ ._-][0-9]{6}[ ._-][0-9]{5}",
    ),
    normalise=digits_only,
    validate=validate,
    keys=(
        "card",
        "kartu_kredit",
        "no_kartu",
        "nomor_kartu",
        "pan",
        "cc",
        "kredit",
        "debit",
        "visa",
    ),
    chance=0.07,
    weight=60,
    source="ISO/IEC 7812-1; issuer ranges as the schemes publish them",
)
