"""Identifiers of citizens, and credentials: how to see one, and whether it can be real.

`find` is for short text (a path, a log line, a URL). Whole files go through collectors.content.
Adding one: a file here, a line in `IDENTIFIERS`, a test that states first what must not match.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from signatures.identifiers import dsn, private_key
from signatures.identifiers.base import Identifier
from signatures.identifiers.card import CARD
from signatures.identifiers.dsn import DSN
from signatures.identifiers.kk import KK
from signatures.identifiers.nik import NIK
from signatures.identifiers.nip import NIP
from signatures.identifiers.npwp import NPWP
from signatures.identifiers.private_key import PRIVATE_KEY

__all__ = ["BY_NAME", "IDENTIFIERS", "Found", "Identifier", "find"]

IDENTIFIERS: tuple[Identifier, ...] = (NIK, KK, NIP, NPWP, CARD, PRIVATE_KEY, DSN)
"""In order of precedence: a value that fits several is reported as the first."""

BY_NAME = {identifier.name: identifier for identifier in IDENTIFIERS}


class Found(NamedTuple):
    """One valid identifier in a text."""

    type: str
    start: int
    end: int
    value: str
    """Normalised."""


_NOT_DIGITS = bytes(byte for byte in range(256) if not 48 <= byte <= 57)
_FEWEST_DIGITS = 15

_NUMBERS = tuple(
    (identifier, re.compile("|".join(identifier.shapes)))
    for identifier in IDENTIFIERS
    if identifier.shapes
)


def _candidates() -> re.Pattern[bytes]:
    # The longest form first: an alternation takes the first that fits.
    shapes = dict.fromkeys(shape for identifier in IDENTIFIERS for shape in identifier.shapes)
    either = "|".join(shapes)
    return re.compile(f"(?<![0-9])(?:{either})(?![0-9])".encode())


_CANDIDATE = _candidates()
_RUN = re.compile(rb"[0-9]+")


def find(data: bytes) -> list[Found]:
    """Return the valid identifiers in *data* in order, without overlap.

    A neighbour may be a letter or an underscore (file names), never another digit.
    """
    found: list[Found] = []
    if len(data) >= _FEWEST_DIGITS:
        if len(data.translate(None, _NOT_DIGITS)) >= _FEWEST_DIGITS:
            found = _find_numbers(data)
        if private_key.GATE in data:
            found += _find_text(PRIVATE_KEY, data)
        if dsn.GATE in data:
            found += _find_text(DSN, data)
    return found if len(found) < 2 else _without_overlap(found)


def classify(text: str) -> tuple[Identifier, str] | None:
    """Return the identifier that *text* (digits and separators) is, and its normalised form."""
    for identifier, shape in _NUMBERS:
        if shape.fullmatch(text):
            value = identifier.normalise(text)
            if identifier.validate(value):
                return identifier, value
    return None


def _find_numbers(data: bytes) -> list[Found]:
    found = []
    position = 0
    while match := _CANDIDATE.search(data, position):
        hit = classify(match.group().decode("ascii"))
        if hit is None:
            # The real one may begin at a later group of this candidate.
            run = _RUN.match(data, match.start())
            position = run.end() if run else match.end()
            continue
        position = match.end()
        found.append(Found(hit[0].name, match.start(), match.end(), hit[1]))
    return found


def _find_text(identifier: Identifier, data: bytes) -> list[Found]:
    finder = private_key.find_keys if identifier is PRIVATE_KEY else dsn.find_dsns
    found = []
    for start, end in finder(data):
        value = identifier.normalise(data[start:end].decode("utf-8", "surrogateescape"))
        if identifier.validate(value):
            found.append(Found(identifier.name, start, end, value))
    return found


def _without_overlap(found: list[Found]) -> list[Found]:
    kept: list[Found] = []
    # At equal begin the longer one: a NIK inside a connection string belongs to it.
    for hit in sorted(found, key=lambda hit: (hit.start, -hit.end)):
        if not kept or hit.start >= kept[-1].end:
            kept.append(hit)
    return kept
