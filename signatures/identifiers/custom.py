"""Identifiers that an operator defines: patterns that cannot hang, with a literal to look for.

A pattern is a small part of Python's regular expressions. Refused is what can take more than
linear time or has nothing to search for: repetition without an end, repeated groups, references,
look-around, more than some thousand ways to match from one place, no literal of three bytes.
"""

from __future__ import annotations

import re
import warnings
from typing import NamedTuple

LONGEST = 200
MOST_WAYS = 4096
"""From one place a pattern may be tried in so many ways: bounds the work for any text."""
SHORTEST_LITERAL = 3
FEWEST, MOST = 4, 100
"""Characters of a word in a dictionary."""
MOST_WORDS = 2000
_NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")
_QUANTIFIER = re.compile(r"\?|\*|\+|\{(\d*)(?:(,)(\d*))?\}")


class Pattern(NamedTuple):
    """A pattern that passed."""

    expression: re.Pattern[bytes]
    literal: bytes
    """Stands in everything that matches."""


class _Reading:
    """What is known while a pattern is read from left to right."""

    def __init__(self) -> None:
        self.ways = 1
        self.depth = 0
        self.run = ""
        self.best = ""

    def literal(self, char: str) -> None:
        if self.depth == 0:
            self.run += char
            self.best = max(self.best, self.run, key=len)

    def end_of_literal(self) -> None:
        self.run = ""


def parse(text: str) -> Pattern:
    """Return the pattern.

    Raises:
        ValueError: it is refused; the message says what to write instead.
    """
    if not 0 < len(text) <= LONGEST:
        raise ValueError(f"has to have 1 to {LONGEST} characters")
    if not text.isascii():
        raise ValueError("only ASCII; put words of other scripts into a dictionary (words)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python warns of means two things
            expression = re.compile(text.encode())
    except (re.error, FutureWarning, OverflowError, RecursionError) as error:
        raise ValueError(f"is no regular expression: {error}") from error
    reading = _Reading()
    position = 0
    while position < len(text):
        position = _element(text, position, reading)
    if reading.ways > MOST_WAYS:
        raise ValueError(f"can match in over {MOST_WAYS} ways from one place: repeat less")
    if len(reading.best) < SHORTEST_LITERAL:
        raise ValueError(
            f"needs {SHORTEST_LITERAL} literal characters in a row, outside of groups: without"
            " them every byte of every file would be tried"
        )
    return Pattern(expression, reading.best.encode())


def _element(text: str, position: int, reading: _Reading) -> int:
    """Read one element and its quantifier; return where the next one begins."""
    char = text[position]
    literal = ""
    if char == "(":
        return _opened(text, position, reading)
    if char == "|":
        if reading.depth == 0:
            raise ValueError("alternatives have to stand in a group: (?:a|b)")
        reading.ways *= 2
        return position + 1
    if char == "[":
        end = text.index("]", position + (3 if text[position + 1] == "^" else 2))
        while text[end - 1] == "\\" and text[end - 2] != "\\":
            end = text.index("]", end + 1)
    elif char == "\\":
        end = position + 1
        kind = text[end]
        if kind.isdigit():
            raise ValueError("cannot refer to a group")
        if not kind.isalpha():
            literal = kind
    else:
        end = position
        literal = char if char not in ".^$)" else ""
    if char == ")":
        reading.depth -= 1
    return _quantified(text, end + 1, literal, reading, group=char == ")")


def _opened(text: str, position: int, reading: _Reading) -> int:
    plain = text.startswith("(?:", position)
    if text.startswith("(?", position) and not plain:
        raise ValueError("knows of groups only (...) and (?:...)")
    reading.depth += 1
    reading.end_of_literal()
    return position + (3 if plain else 1)


def _quantified(text: str, position: int, literal: str, reading: _Reading, *, group: bool) -> int:
    found = _QUANTIFIER.match(text, position)
    if found is None:
        if literal:
            reading.literal(literal)
        else:
            reading.end_of_literal()
        return position
    reading.end_of_literal()
    if found.group() in "*+" or (found.group(2) and not found.group(3)):
        raise ValueError("has a repetition without an end: write {1,20} instead of + or *")
    if group and found.group() != "?":
        raise ValueError("repeats a group: write it out")
    least, most = 0, 1
    if found.group() != "?":
        least = int(found.group(1) or 0)
        most = int(found.group(3) or 0) if found.group(2) else least
    if most > LONGEST:
        raise ValueError(f"repeats more than {LONGEST} times")
    reading.ways *= most - least + 1
    end = found.end()
    if text[end : end + 1] in ("?", "+"):
        raise ValueError("has two quantifiers in a row")
    return end


def check_name(name: str, taken: frozenset[str]) -> None:
    """Check the name of an operator's identifier.

    Raises:
        ValueError: it has another form, or is taken.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("has to be 2 to 31 small letters, digits and underscores")
    if name in taken:
        raise ValueError(f"{name!r} is one of ours")


def check_words(words: tuple[str, ...]) -> None:
    """Check a dictionary.

    Raises:
        ValueError: too many words, one of them too short, too long, or there twice.
    """
    if len(words) > MOST_WORDS:
        raise ValueError(f"at most {MOST_WORDS}, not {len(words)}")
    seen: set[str] = set()
    for word in words:
        if not FEWEST <= len(word) <= MOST or word != word.strip():
            raise ValueError(f"{word!r} needs {FEWEST} to {MOST} characters, no spaces around")
        if word.lower() in seen:
            raise ValueError(f"{word!r} stands there twice")
        seen.add(word.lower())
