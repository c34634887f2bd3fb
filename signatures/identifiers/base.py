"""What every identifier file says about its identifier."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple


class Identifier(NamedTuple):
    """One identifier or credential: how it is written, when it is valid, what it is called."""

    name: str
    """Type in findings: ``nik``, ``card`` ..."""
    shapes: tuple[str, ...]
    """Regular expressions of the written forms, fixed length, digits and separators only; empty
    where the identifier has a finder of its own."""
    normalise: Callable[[str], str]
    """Written form to the one form that is validated and tokenised."""
    validate: Callable[[str], bool]
    """Whether a normalised value can be a real one."""
    keys: tuple[str, ...]
    """Names of columns and keys next to such values, folded by `signatures.identifiers.keys`."""
    chance: float
    """Share of random strings of the same shape that are valid."""
    weight: int
    """Sensitivity of one value, 0 to 100."""
    source: str
    """Where form and validity are laid down."""
    named: bool = False
    """Whether only a key or a column's name makes it one: anything might look like it."""


Spans = Iterator[tuple[int, int]]


class Finder(NamedTuple):
    """How a credential, or another thing that is no number, is found in bytes."""

    rule: str
    """Name of the YARA rule that says when to look."""
    identifier: Identifier
    find: Callable[[bytes], Spans]
    """Begins and ends of what may be one."""
    confidence: float
    """That a valid one is real."""
    gates: tuple[bytes, ...] = ()
    """One of them stands in every text that holds one; empty where short text (paths, log lines)
    is not searched for it."""
    telling: Callable[[str], bool] = bool
    """Stricter than `Identifier.validate`, for what is counted rather than masked."""


def every(*patterns: re.Pattern[bytes]) -> Callable[[bytes], Spans]:
    """Return a finder of all matches: of a pattern with groups the last group that took part."""

    def find(data: bytes) -> Spans:
        for pattern in patterns:
            for match in pattern.finditer(data):
                yield match.span(match.lastindex or 0)

    return find


def begun(
    pattern: re.Pattern[bytes], words: tuple[bytes, ...], *, fold: bool = False
) -> Callable[[bytes], Spans]:
    """Return a finder of all matches of *pattern*, each of which begins with one of *words*.

    *words* are small letters where they stand in any case (*fold*). Searching for these is several
    times as fast as for a choice or for both cases.
    """

    def find(data: bytes) -> Spans:
        text = data.lower() if fold else data
        at = 0
        for begin in heapq.merge(*(_places(text, word) for word in words)):
            if begin >= at and (match := pattern.match(data, begin)):
                yield match.span(match.lastindex or 0)
                at = match.end()

    return find


def _places(text: bytes, word: bytes) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


_ALNUM = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
DIGITS = frozenset(b"0123456789")
_WINDOW = 64 << 10


_CAPITALS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OUTLINE = bytes.maketrans(b"0123456789" + _CAPITALS, b"0" * 10 + b"A" * 26)


def shaped(
    pattern: re.Pattern[bytes],
    outlines: tuple[bytes, ...],
    *,
    ahead: int = 0,
    apart_from: Collection[int] = _ALNUM,
) -> Callable[[bytes], Spans]:
    """Return a finder of all matches of *pattern* that no byte of *apart_from* stands before.

    Every match holds one of *outlines*, where ``0`` stands for a digit and ``A`` for a capital, at
    most *ahead* bytes behind its begin. Searching for these is several times as fast as trying the
    pattern everywhere.
    """
    reach = max(len(each) for each in outlines) - 1

    def find(data: bytes) -> Spans:
        drawn = data.translate(_OUTLINE)
        at = 0
        # In windows, for hostile text may hold an outline at every byte.
        for low in range(0, len(data), _WINDOW):
            begins: set[int] = set()
            for each in outlines:
                hit = drawn.find(each, low, low + _WINDOW + reach)
                while hit >= 0:
                    begins.update(range(hit - ahead, hit + 1))
                    hit = drawn.find(each, hit + 1, low + _WINDOW + reach)
            for begin in sorted(begins):
                if begin < at or (begin and data[begin - 1] in apart_from):
                    continue
                if match := pattern.match(data, begin):
                    yield match.span()
                    at = match.end()

    return find


def is_varied(value: str, least: int = 8) -> bool:
    """Tell whether *value* has *least* different characters and is no sample of documentation."""
    lowered = value.lower()
    return len(set(value)) >= least and not any(word in lowered for word in _SAMPLE_WORDS)


_SAMPLE_WORDS = ("example", "xxxx", "your", "0000000", "1234567", "abcdef", "placeholder", "sample")


def digits_only(text: str) -> str:
    """Return the ASCII digits of *text*."""
    return "".join([char for char in text if "0" <= char <= "9"])


def luhn(digits: str) -> bool:
    """Tell whether *digits* passes the Luhn check (ISO/IEC 7812-1 annex B)."""
    total = 0
    for index, char in enumerate(reversed(digits)):
        digit = ord(char) - 48
        if index & 1:
            digit *= 2
            if digit > 9:
                digit -= 9
        total += digit
    return total % 10 == 0


_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_date(day: int, month: int, year: int) -> bool:
    """Tell whether the date exists; *year* may be two digits, then 00 stands for 2000."""
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return False
    if (day, month) != (29, 2):
        return True
    return year % 4 == 0 and (year < 100 or year % 100 != 0 or year % 400 == 0)
