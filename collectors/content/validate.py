"""The validators of signatures.identifiers over arrays: one row of digits for each candidate.

tests/collectors/content/test_validate.py holds both to the same answers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from collectors.content.digits import NPWP, Bools, Bytes
from signatures.identifiers import card
from signatures.identifiers.regions import districts

Numbers = npt.NDArray[np.uint64]


@functools.cache
def _regencies() -> Bools:
    table = np.zeros(10_000, bool)
    table[[int(code) for code in districts()]] = True
    return table


@functools.cache
def _districts() -> Bools:
    table = np.zeros(1_000_000, bool)
    for code, known in districts().items():
        base = int(code) * 100
        if not known:  # a former regency: any district may have been
            table[base : base + 100] = True
        for at in range(0, len(known), 2):
            table[base + int(known[at : at + 2])] = True
    return table


@functools.cache
def _days() -> Bools:
    table = np.zeros((100, 100), bool)  # day, month
    for month, days in enumerate((31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1):
        table[1 : days + 1, month] = True
    return table


@functools.cache
def _issuers() -> Bools:
    table = np.zeros(10_000, bool)
    for prefix in card.PREFIXES:
        width = 10 ** (4 - len(prefix))
        table[int(prefix) * width : (int(prefix) + 1) * width] = True
    return table


def number(digits: Bytes, start: int = 0, stop: int | None = None) -> Numbers:
    """Return columns *start* to *stop* of each row as one integer."""
    part = digits[:, start:stop].astype(np.uint64)
    powers = np.array([10**place for place in range(part.shape[1])][::-1], np.uint64)
    result: Numbers = part @ powers
    return result


def nik(digits: Bytes) -> Bools:
    """Region, date of birth, serial."""
    day = number(digits, 6, 8)
    day = np.where(day > 40, day - np.uint64(40), day)
    month, year = number(digits, 8, 10), number(digits, 10, 12)
    good: Bools = _regencies()[number(digits, 0, 4)] & _days()[day, month]
    good &= (day != 29) | (month != 2) | (year % np.uint64(4) == 0)
    good &= number(digits, 12, 16) > 0
    good &= (digits != digits[:, :1]).any(axis=1)
    return good


def kk(digits: Bytes) -> Bools:
    """As NIK, but the date is one of recording."""
    return nik(digits) & (digits[:, 6] <= 3)


def in_district(digits: Bytes) -> Bools:
    """Whether the first six digits are a district of today."""
    good: Bools = _districts()[number(digits, 0, 6)]
    return good


def nip(digits: Bytes) -> Bools:
    """Dates, age at appointment, sex, serial."""
    born, appointed = number(digits, 0, 4).astype(np.int64), number(digits, 8, 12).astype(np.int64)
    month, day = number(digits, 4, 6), number(digits, 6, 8)
    started = number(digits, 12, 14)
    age = appointed - born
    good: Bools = (born >= 1935) & (born <= 2010) & (appointed <= 2035) & (age >= 16) & (age <= 46)
    good &= ((started >= 1) & (started <= 12)) | (started == 21)
    good &= (digits[:, 14] == 1) | (digits[:, 14] == 2)
    good &= _days()[day, month] & (number(digits, 15, 18) > 0)
    good &= (day != 29) | (month != 2) | (born % 4 == 0)  # 1900 and 2100 are out of range
    return good


def npwp(digits: Bytes) -> Bools:
    """Fifteen digits: check digit and tax office."""
    good: Bools = luhn(digits[:, :9]) & (number(digits, 9, 12) > 0) & (number(digits, 2, 8) > 0)
    return _with_variety(digits, good, 3)


def card_16(digits: Bytes) -> Bools:
    """Issuer range, Luhn, no sample."""
    good: Bools = _issuers()[number(digits, 0, 4)] & luhn(digits)
    return _with_variety(digits, good & _no_sample(digits), 4)


def card_15(digits: Bytes) -> Bools:
    """American Express."""
    amex = (digits[:, 0] == 3) & ((digits[:, 1] == 4) | (digits[:, 1] == 7))
    good: Bools = amex & luhn(digits) & _no_sample(digits)
    return _with_variety(digits, good, 4)


def _no_sample(digits: Bytes) -> Bools:
    samples = np.array(sorted(int(sample) for sample in card.SAMPLES), np.uint64)
    good: Bools = ~np.isin(number(digits), samples)
    return good


def _with_variety(digits: Bytes, good: Bools, least: int) -> Bools:
    """Drop from *good* the rows with fewer than *least* different digits."""
    rows = np.flatnonzero(good)  # few: sorting all would cost more than all other checks
    ordered = np.sort(digits[rows], axis=1)
    kept = good.copy()
    kept[rows] = (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1) + 1 >= least
    return kept


def luhn(digits: Bytes) -> Bools:
    """Check each row."""
    doubled = digits.copy()
    part = digits[:, -2::-2].astype(np.uint8) * 2
    doubled[:, -2::-2] = np.where(part > 9, part - 9, part)
    good: Bools = doubled.sum(axis=1) % 10 == 0
    return good


def _npwp_16(digits: Bytes) -> Bools:
    good: Bools = (digits[:, 0] == 0) & npwp(digits[:, 1:])
    return good


Validator = Callable[[Bytes], Bools]

_NIK = ("nik", nik)
_CARD = ("card", card_16)

BY_SHAPE: dict[tuple[int, ...], tuple[tuple[str, Validator], ...]] = {
    (16,): (_NIK, _CARD, ("npwp", _npwp_16)),
    (18,): (("nip", nip),),
    (15,): (("npwp", npwp), ("card", card_15)),
    (6, 6, 4): (_NIK,),
    (4, 4, 4, 4): (_NIK, _CARD),
    (2, 2, 2, 6, 4): (_NIK,),
    (6, 2, 2, 2, 4): (_NIK,),
    (8, 6, 1, 3): (("nip", nip),),
    NPWP: (("npwp", npwp),),
    (4, 6, 5): (("card", card_15),),
}
"""Written form to the types that it may be. A KK is a NIK until its key is known."""
