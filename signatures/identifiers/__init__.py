"""Identifiers of citizens, and credentials: how to see one, and whether it can be real.

`find` is for short text (a path, a log line, a URL): what can be told by itself. What only a name
beside it makes an identifier (a pupil's number, a telephone ...) is left out here, for every
second number would be one; `signatures.identifiers.hiding` masks it where the name stands there.
Whole files go through collectors.content.

Adding a number or a text with a name: a file here, a line in `IDENTIFIERS`, a YARA rule of its
name; a credential: a file here, a line in `finders.CREDENTIAL_FINDERS`, a YARA rule. Always: a
test that states first what must not match.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from signatures.identifiers import dsn, private_key
from signatures.identifiers.bank_account import BANK_ACCOUNT
from signatures.identifiers.base import Identifier
from signatures.identifiers.birth import BIRTH
from signatures.identifiers.bpjs import BPJS
from signatures.identifiers.card import CARD
from signatures.identifiers.dsn import DSN
from signatures.identifiers.email import EMAIL
from signatures.identifiers.finders import FINDERS
from signatures.identifiers.kk import KK
from signatures.identifiers.kpj import KPJ
from signatures.identifiers.nib import NIB
from signatures.identifiers.nik import NIK
from signatures.identifiers.nip import NIP
from signatures.identifiers.nisn import NISN
from signatures.identifiers.nop import NOP
from signatures.identifiers.npwp import NPWP
from signatures.identifiers.passport import PASSPORT
from signatures.identifiers.phone import PHONE
from signatures.identifiers.plate import PLATE
from signatures.identifiers.private_key import PRIVATE_KEY
from signatures.identifiers.sim import SIM

__all__ = ["BY_NAME", "IDENTIFIERS", "Found", "Identifier", "find"]

NUMBERS: tuple[Identifier, ...] = (NIK, KK, NIP, NPWP, CARD)
"""Told by themselves, in order of precedence: a value that fits several is the first."""
NAMED: tuple[Identifier, ...] = (
    *(BPJS, NISN, KPJ, PHONE, BANK_ACCOUNT, SIM, NOP, NIB),
    *(PASSPORT, PLATE, BIRTH, EMAIL),
)
"""They need a name: of a column, of a key; those of the second line are no plain numbers."""
IDENTIFIERS: tuple[Identifier, ...] = (
    *NUMBERS,
    *NAMED,
    *dict.fromkeys(finder.identifier for finder in FINDERS),
)
"""All of them."""

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

_NUMBERS = tuple((identifier, re.compile("|".join(identifier.shapes))) for identifier in NUMBERS)
_WALL = tuple(finder for finder in FINDERS if finder.gates)
_SHORTEST_TOKEN = 20
_GATE = re.compile(b"|".join(re.escape(gate) for finder in _WALL for gate in finder.gates))


def _candidates() -> re.Pattern[bytes]:
    # The longest form first: an alternation takes the first that fits.
    shapes = dict.fromkeys(shape for identifier in NUMBERS for shape in identifier.shapes)
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
        if len(data) >= _SHORTEST_TOKEN and _GATE.search(data):
            found += _find_tokens(data)
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


def _find_tokens(data: bytes) -> list[Found]:
    found = []
    for finder in _WALL:
        if not any(gate in data for gate in finder.gates):
            continue
        identifier = finder.identifier
        for start, end in finder.find(data):
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
