"""Values of a table as they are looked up: numbers as one integer, other columns folded. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterator

from signatures.identifiers import BY_NAME
from signatures.identifiers.base import digits_only

NUMBERS = (
    *("nik", "kk", "nip", "npwp", "bpjs", "nisn", "kpj", "phone", "bank_account", "sim", "card"),
)
"""Types that can be looked up: what the content child counts as numbers."""
SPACE = {
    "nik": 3.8e13,
    "kk": 3.8e13,
    "nip": 1e14,
    "npwp": 1e14,
    "card": 1e15,
    "bpjs": 1e13,
    "nisn": 1e10,
    "kpj": 1e11,
    "phone": 5e9,
    "sim": 1e12,
    "bank_account": 1e10,
}
"""About how many numbers of each type pass its validator: how likely one meets by chance."""
_OF_ANY_LENGTH = frozenset({"bank_account", "sim"})
_DATE = re.compile(r"(\d{4})\D(\d{1,2})\D(\d{1,2})|(\d{1,2})\D(\d{1,2})\D(\d{4})")
_LONGEST = 80


def encode(type_: str, text: str) -> int | None:
    """Return a number of *type_* as `collectors.content.columns` encodes it, None when invalid."""
    identifier = BY_NAME[type_]
    value = identifier.normalise(text.strip())
    if not value.isascii() or not identifier.validate(value):
        return None
    digits = digits_only(value)
    if type_ == "phone":
        digits = f"62{digits.lstrip('0')}" if digits.startswith("0") else digits
        return int(digits)
    if type_ == "npwp":
        digits = digits[-15:]
    return int(f"1{digits}") if type_ in _OF_ANY_LENGTH else int(digits)


def fold(text: str) -> str:
    """Return at most 80 characters of *text*, without case, accents, blanks and punctuation."""
    plain = unicodedata.normalize("NFKD", text[: 4 * _LONGEST]).casefold()
    return "".join([char for char in plain if char.isalnum()])[:_LONGEST]


def forms(text: str) -> Iterator[str]:
    """Yield the folded forms under which a second column may stand: of a date both orders."""
    folded = fold(text)
    if len(folded) >= 3:
        yield folded
    match = _DATE.fullmatch(text.strip()[:10])
    if match:
        year, month, day = match[1] or match[6], match[2] or match[5], match[3] or match[4]
        yield f"{year}{int(month):02d}{int(day):02d}"
        yield f"{int(day):02d}{int(month):02d}{year}"


def pair_key(fleet_key: bytes) -> bytes:
    """Return the key of `pair_hash`."""
    return hmac.digest(fleet_key, b"register pair", hashlib.sha256)


def pair_hash(key: bytes, value: int, folded: str) -> int:
    """Return the hash of a number together with another column of the same person."""
    message = value.to_bytes(9, "little") + folded.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(message, key=key, digest_size=8).digest(), "little")
