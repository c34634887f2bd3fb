"""From counts to a type and a confidence. Pure.

The levels come from a labelled corpus: validators alone reach F1 .70, validators with the name of
the key or column and the validity of the whole column .946 at a precision of .999.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from signatures.identifiers import BY_NAME, IDENTIFIERS
from signatures.identifiers.keys import announces

LOWEST = 0.5
"""Below this confidence a column is not reported."""

# Names that say "a number, but another one".
_OTHER = (
    *("order", "trx", "transaksi", "ref", "referensi", "ts", "timestamp", "epoch", "va", "nop"),
    *(
        "log",
        "imei",
        "billing",
        "barcode",
        "desa",
        "invoice",
        "resi",
        "session",
        "trace",
        "request",
    ),
    *("uuid", "hash", "serial", "isbn", "ean", "kode_bayar", "ntpn", "rekening", "norek"),
)
_NUMBERS = tuple(identifier for identifier in IDENTIFIERS if identifier.shapes)
_LEAST_SHARE = 0.5
"""Of a column whose values are told by its name alone, so many have to be valid."""


class Counts(NamedTuple):
    """What is known of one column and one type."""

    type: str
    name: str
    candidates: int
    valid: int
    men: int
    recent: int
    in_district: int
    separated: bool
    near: bool
    citizen_near: bool = False


class Verdict(NamedTuple):
    """A type that is reported, and how sure it is (0 to 1)."""

    type: str
    confidence: float


@functools.lru_cache(maxsize=1024)
def announced(name: str) -> frozenset[str]:
    """Return the types that a folded column name announces."""
    return frozenset(kind.name for kind in _NUMBERS if announces(name, kind.keys))


@functools.lru_cache(maxsize=1024)
def is_other(name: str) -> bool:
    """Tell whether a folded name announces a number that is no identifier."""
    return announces(name, _OTHER)


def judge(counts: Counts) -> Verdict | None:
    """Return what the column holds, or None when chance explains it."""
    if not counts.valid:
        return None
    names = announced(counts.name)
    type_ = counts.type
    if type_ == "nik" and "nik" not in names:
        if "kk" in names:
            type_ = "kk"
        elif "npwp" in names:
            return _named("nik", counts)  # the NPWP of a citizen is the NIK (PMK 112/2022)
    if type_ in names:
        return _named(type_, counts)
    if names or is_other(counts.name):
        return None
    return _unnamed(counts)


def _named(type_: str, counts: Counts) -> Verdict | None:
    share = counts.valid / counts.candidates
    kind = BY_NAME[type_]
    if counts.candidates >= 50 and share < min(_LEAST_SHARE, 5 * kind.chance):
        return None  # hashed, masked or another number under this name
    if kind.named and (share < _LEAST_SHARE or (type_ == "bank_account" and not counts.near)):
        return None
    if type_ == "kk" and counts.valid >= 20 and counts.men < 0.8 * counts.valid:
        type_ = "nik"  # days of birth of women: the column is not what it says
    return Verdict(type_, round(min(0.99, 0.7 + 0.3 * share), 2))


def _unnamed(counts: Counts) -> Verdict | None:
    share = counts.valid / counts.candidates
    if counts.candidates >= 8 and share < 0.5:
        return None
    if counts.type in ("npwp", "card"):
        return _weak(counts, share)
    if counts.type == "nik":
        # By chance 14 % of valid ones fall into a district of today; of real ones nearly all.
        if counts.valid >= 3 and counts.in_district < 0.25 * counts.valid:
            return None
        if counts.valid < 3 and not (counts.near and counts.in_district):
            return None
        # Half of all citizens are women, whose days are over 40; a family card's never are.
        if counts.valid >= 40 and counts.men == counts.valid:
            return Verdict("kk", 0.9)
        # Cards were recorded since 2000, most adults were born before: three at random agree in
        # one of several hundred columns.
        if counts.valid >= 3 and counts.recent == counts.valid and not counts.citizen_near:
            return Verdict("kk", 0.85)
        certain = 0.95 if counts.valid >= 8 else 0.8 if counts.near else 0.6
        return Verdict("nik", certain)
    return Verdict(counts.type, 0.95 if counts.valid >= 3 else 0.8)


def _weak(counts: Counts, share: float) -> Verdict | None:
    if counts.type == "npwp" and counts.separated:
        return Verdict("npwp", 0.95 if counts.valid >= 3 else 0.8)
    if counts.candidates >= 20 and share > 0.9:
        return Verdict(counts.type, 0.9)
    if counts.type == "npwp" and counts.valid >= 3 and share > 0.95:
        return Verdict("npwp", 0.85 if counts.valid >= 8 else 0.6)
    if counts.near and counts.type == "card":
        return Verdict("card", 0.7)
    return None
