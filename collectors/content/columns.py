"""What was counted in one column, for one type."""

from __future__ import annotations

import numpy as np

from collectors.content.digits import Bools, Bytes
from collectors.content.sketch import Sketch
from collectors.content.validate import Numbers, in_district, number
from collectors.redact import Redactor

_SAMPLES = 3
_OF_ANY_LENGTH = frozenset({"bank_account", "sim"})


class Column:
    """Counts of one type in one group and one written form."""

    def __init__(self, type_: str, name: str, redactor: Redactor, *, separated: bool) -> None:
        self.type = type_
        self.name = name
        """Folded name of the column or key."""
        self.separated = separated
        self.candidates = 0
        self.valid = 0
        self.in_whole = 0
        """Of these, the ones in the part of the file that was looked at without gaps."""
        self.men = 0
        """Valid ones whose day is at most 31: a family card has no other."""
        self.recent = 0
        """Of these, the ones with a year since 2000: when cards were recorded."""
        self.in_district = 0
        self.near = False
        """A keyword stands within 300 bytes of a candidate."""
        self.first = 0
        """Where the first valid one stands: bytes from the begin of the text."""
        self.row = 0
        """Its line, from 1."""
        self.page = 0
        """Its page, from 1, where pages end with a form feed."""
        self.citizen_near = False
        """The keyword is one of citizens' own numbers, not of families'."""
        self.samples: list[int] = []
        self.width = 0
        self.sketch = Sketch(type_, redactor)

    def add(self, digits: Bytes, valid: Bools) -> Numbers:
        """Count the candidates in *digits*; *valid* says which are. Return these, encoded."""
        self.candidates += len(valid)
        good = digits[valid]
        if not len(good):
            return np.empty(0, np.uint64)
        self.valid += len(good)
        if self.type == "npwp" and good.shape[1] == 16:
            good = good[:, 1:]  # the form that is validated and tokenised
        self.width = good.shape[1]
        values = self._encoded(good)
        if self.type == "nik":
            men = good[:, 6] <= 3
            self.men += int(men.sum())
            self.recent += int((men & (good[:, 10] <= 2)).sum())
            self.in_district += int(in_district(good).sum())
        for value in np.unique(values[:64]).tolist():
            if len(self.samples) < _SAMPLES and value not in self.samples:
                self.samples.append(value)
        self.sketch.add(values)
        return values

    def _encoded(self, good: Bytes) -> Numbers:
        values = number(good)
        if self.type == "phone":  # one form for all: 62 and the national number
            national = good[:, 0] == 0
            abroad = np.uint64(62 * 10 ** (good.shape[1] - 1))
            encoded: Numbers = np.where(national, values + abroad, values)
            return encoded
        if self.type in _OF_ANY_LENGTH:  # zeros in front count: a one holds their place
            return values + np.uint64(10 ** good.shape[1])
        return values

    def text(self, value: int) -> str:
        """Return an encoded value as it is normalised."""
        if self.type == "phone":
            return str(value)
        return str(value)[1:] if self.type in _OF_ANY_LENGTH else f"{value:0{self.width}d}"
