"""How the values of an event are compared: without regard to case, and any element of a list.

Numbers and booleans have one text form, so that ``4``, ``4.0`` and ``"4"`` are equal.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[str], bool]
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class Wild(enum.Enum):
    """What stands for other characters in a `glob`."""

    ANY = "any number of characters"
    ONE = "one character"


class Texts(dict[str, "str | tuple[str, ...]"]):
    """The fields of one event as text, made when first asked for.

    One string for a single value, a tuple for a list, an empty tuple for what is absent.
    """

    __slots__ = ("cased", "event")

    def __init__(self, event: Mapping[str, Any], cased: Texts | None = None) -> None:
        """*cased* keeps the original case; without it this instance does."""
        super().__init__()
        self.event = event
        self.cased = cased

    def __missing__(self, field: str) -> str | tuple[str, ...]:
        if self.cased is None:
            made = text_of(self.event.get(field))
        else:
            original = self.cased[field]
            made = (
                original.lower()
                if isinstance(original, str)
                else tuple(text.lower() for text in original)
            )
        self[field] = made
        return made


def view_of(event: Mapping[str, Any]) -> Texts:
    """Return *event* as compared: lower case, with the original case in ``.cased``."""
    return Texts(event, Texts(event))


def text_of(value: Any) -> str | tuple[str, ...]:
    """Return the text form of a field: a string, a tuple for a list, ``()`` for nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        texts = (text_of(item) for item in value)
        return tuple(text for text in texts if isinstance(text, str))
    if value is None or isinstance(value, Mapping):
        return ()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def any_text(event: Mapping[str, Any], check: Check) -> bool:
    """Tell whether *check* holds for any value of *event* (keyword search), in lower case."""
    for value in event.values():
        text = text_of(value)
        if isinstance(text, str):
            if check(text.lower()):
                return True
        elif any(check(item.lower()) for item in text):
            return True
    return False


def equals(expected: str) -> Check:
    """Compare whole."""
    return expected.__eq__


def one_of(expected: frozenset[str]) -> Check:
    """Compare whole with several."""
    return expected.__contains__


def starts(expected: tuple[str, ...]) -> Check:
    """Compare the beginning with several."""
    return lambda text: text.startswith(expected)


def ends(expected: tuple[str, ...]) -> Check:
    """Compare the end with several."""
    return lambda text: text.endswith(expected)


def contains(expected: Sequence[str]) -> Check:
    """Look for any of several parts."""
    if len(expected) == 1:
        only = expected[0]
        return lambda text: only in text
    parts = tuple(expected)

    def check(text: str) -> bool:
        return any(part in text for part in parts)  # a loop in C would need another engine

    return check


def glob(parts: Sequence[str | Wild]) -> Check:
    """Compare whole with literals, wildcards, in linear time.

    A regular expression with several ``.*`` would need polynomial time on hostile text.
    """
    segments = _split(parts)
    first, *rest = [_pattern(segment) for segment in segments]
    if not rest:
        return lambda text: first.fullmatch(text) is not None
    *middle, last = rest
    tail_length = _length(segments[-1])

    def check(text: str) -> bool:
        hit = first.match(text)
        for segment in middle:
            if hit is None:
                return False
            hit = segment.search(text, hit.end())
        tail = len(text) - tail_length
        return hit is not None and tail >= hit.end() and last.match(text, tail) is not None

    return check


def _split(parts: Sequence[str | Wild]) -> list[list[str | Wild]]:
    segments: list[list[str | Wild]] = [[]]
    for part in parts:
        if part is Wild.ANY:
            segments.append([])
        else:
            segments[-1].append(part)
    return segments


def _pattern(segment: Sequence[str | Wild]) -> re.Pattern[str]:
    return re.compile(
        "".join(re.escape(part) if isinstance(part, str) else "." for part in segment), re.DOTALL
    )


def _length(segment: Sequence[str | Wild]) -> int:
    return sum(len(part) if isinstance(part, str) else 1 for part in segment)


def in_network(network: Network) -> Check:
    """Tell whether a text is an address inside *network*."""

    def check(text: str) -> bool:
        try:
            return ipaddress.ip_address(text) in network
        except ValueError:
            return False

    return check


def number(accept: Callable[[float], bool]) -> Check:
    """Tell whether a text is a number that *accept* takes."""

    def check(text: str) -> bool:
        try:
            return accept(float(text))
        except ValueError:
            return False

    return check
