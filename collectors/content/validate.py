"""The validators of signatures.identifiers over arrays: one row of digits for each candidate.

tests/collectors/content/test_validate.py holds both to the same answers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from collectors.content.digits import NPWP, Bools, Bytes
from signatures.identifiers import card, nisn, nop, phone
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


def bpjs(digits: Bytes) -> Bools:
    """Begins with 00."""
    return _with_variety(digits, (digits[:, :2] == 0).all(axis=1), 3)


@functools.cache
def _birth_years() -> Bools:
    table = np.zeros(1000, bool)
    table[[int(year) for year in nisn.BORN]] = True
    return table


def pupil(digits: Bytes) -> Bools:
    """Year of birth, then a serial."""
    good: Bools = _birth_years()[number(digits, 0, 3)]
    good &= (digits[:, 3:] != digits[:, 3:4]).any(axis=1)
    return good


def any_digits(digits: Bytes) -> Bools:
    """More than two different digits."""
    return _with_variety(digits, np.ones(len(digits), bool), 3)


def licence(digits: Bytes) -> Bools:
    """Month of birth."""
    month = number(digits, 2, 4)
    return _with_variety(digits, (month >= 1) & (month <= 12), 3)


@functools.cache
def _provinces() -> Bools:
    table = np.zeros(100, bool)
    table[[int(code) for code in nop.PROVINCES]] = True
    return table


def land(digits: Bytes) -> Bools:
    """Province, and parts that are not zero."""
    good: Bools = _provinces()[number(digits, 0, 2)] & (digits[:, 0] > 0)
    good &= (number(digits, 4, 7) > 0) & (number(digits, 7, 10) > 0)
    good &= number(digits, 13, 17) > 0
    return good


@functools.cache
def _prefixes() -> Bools:
    table = np.zeros(1000, bool)
    table[[int(prefix) for prefix in phone.PREFIXES]] = True
    return table


def mobile(digits: Bytes) -> Bools:
    """62 or 0, an operator's prefix, 9 to 12 digits without the country."""
    national = digits[:, 0] == 0
    skip = np.where(national, 1, 2)
    code = np.where(national, number(digits, 1, 4), number(digits, 2, 5))
    rest = digits.shape[1] - skip
    good: Bools = (national | ((digits[:, 0] == 6) & (digits[:, 1] == 2))) & _prefixes()[code]
    good &= (rest >= 9) & (rest <= 12)
    same_0 = (digits[:, 4:] == digits[:, 4:5]).all(axis=1)
    same_62 = (digits[:, 5:] == digits[:, 5:6]).all(axis=1)
    good &= ~np.where(national, same_0, same_62)
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

_PHONE, _ACCOUNT = ("phone", mobile), ("bank_account", any_digits)
_SIM = ("sim", licence)

BY_NAMED_SHAPE: dict[tuple[int, ...], tuple[tuple[str, Validator], ...]] = {
    (10,): (("nisn", pupil), _PHONE, _ACCOUNT),
    (11,): (("kpj", any_digits), _PHONE, _ACCOUNT),
    (12,): (_PHONE, _SIM, _ACCOUNT),
    (13,): (("bpjs", bpjs), ("nib", any_digits), _PHONE, _SIM, _ACCOUNT),
    (14,): (_PHONE, _SIM, _ACCOUNT),
    (15,): (_ACCOUNT,),
    (16,): (_ACCOUNT,),
    (18,): (("nop", land),),
    (2, 2, 3, 3, 3, 4, 1): (("nop", land),),
    (4, 4, 3): (_PHONE,),
    (4, 4, 4): (_PHONE,),
    (4, 4, 5): (_PHONE,),
    (5, 4, 3): (_PHONE,),
    (5, 4, 4): (_PHONE,),
    (5, 4, 5): (_PHONE,),
    (2, 3, 4, 3): (_PHONE,),
    (2, 3, 4, 4): (_PHONE,),
    (2, 3, 4, 5): (_PHONE,),
}
"""Of types that need a name: looked at only where YARA saw one."""
