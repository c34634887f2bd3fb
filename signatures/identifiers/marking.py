"""Classification of letters: SANGAT RAHASIA, RAHASIA, TERBATAS."""

from __future__ import annotations

import re

from signatures.identifiers.base import Finder, Identifier, Spans

_TOP = 2000
"""Bytes: the mark stands over the head of a letter or in it."""
_MARK = re.compile(
    rb"(?m)^(?:[ \t]{0,60}|(?:Sifat|SIFAT)[ \t]{0,20}:[ \t]{0,20})"
    rb"(SANGAT RAHASIA|RAHASIA|TERBATAS)[ \t]{0,60}\r?$"
)
_LETTER = re.compile(
    rb"(?m)^[ \t]{0,40}(?:Nomor|NOMOR|Lampiran|Perihal|Hal|Sifat|Yth|Kepada|NOTA DINAS|MEMORANDUM"
    rb"|LAPORAN|TELAAHAN|SURAT)\b"
)


def validate(value: str) -> bool:
    """Tell whether it is one of the three levels above BIASA."""
    return value in ("SANGAT RAHASIA", "RAHASIA", "TERBATAS")


def find_markings(data: bytes) -> Spans:
    """Yield the mark of the letter that *data* begins with: alone on its line, in capitals."""
    match = _MARK.search(data[:_TOP])
    if match and len(set(_LETTER.findall(data[: 2 * _TOP]))) >= 2:
        yield match.span(1)


MARKING = Identifier(
    name="marking",
    shapes=(),
    normalise=str,
    validate=validate,
    keys=("sifat", "klasifikasi"),
    chance=0.0,
    weight=70,
    source="Perka ANRI 17/2011 (security and access classification of records)",
)

FINDER = Finder("marking", MARKING, find_markings, 0.85)
